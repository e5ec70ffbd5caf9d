/**
 * The ways to sort: the buttons in the table's head and, where columns are
 * missing or there is no head, a list and a button for the direction.
 */

import { one, setText } from "../lib/dom.js";
import { firstOf, toggled } from "./order.js";

/**
 * @typedef {import("./order.js").Column} Column
 * @typedef {import("./order.js").Order} Order
 */

export class Sorting {
  /**
   * @param {HTMLElement} root
   * @param {Order} order
   * @param {(order: Order) => void} choose called when the reader wants another order
   */
  constructor(root, order, choose) {
    this.order = order;
    this.heads = /** @type {NodeListOf<HTMLButtonElement>} */ (
      root.querySelectorAll("[data-sort]")
    );
    this.list = one("[data-sort-list]", HTMLSelectElement, root);
    this.reverse = one("[data-sort-reverse]", HTMLButtonElement, root);
    for (const head of this.heads) {
      head.disabled = false;
      head.addEventListener("click", () => choose(toggled(this.order, column(head.dataset.sort))));
    }
    this.list.addEventListener("change", () => choose(firstOf(column(this.list.value))));
    this.reverse.addEventListener("click", () => choose(toggled(this.order, this.order.column)));
    this.show(order);
  }

  /** @param {Order} order */
  show(order) {
    this.order = order;
    const direction = order.descending ? "descending" : "ascending";
    for (const head of this.heads) {
      const isSorted = head.dataset.sort === order.column;
      if (isSorted) head.closest("th")?.setAttribute("aria-sort", direction);
      else head.closest("th")?.removeAttribute("aria-sort");
    }
    this.list.value = order.column;
    this.reverse.ariaLabel = `${order.descending ? "Descending" : "Ascending"}; reverse`;
    this.reverse.title = this.reverse.ariaLabel;
    setText(this.reverse, order.descending ? "↓" : "↑");
  }
}

/** @param {string | undefined} name one of the page's own */
function column(name) {
  return /** @type {Column} */ (name);
}
