/**
 * The controls for sorting: the buttons in the table's head and, on screens that
 * do not show all columns, a list and a button for the direction.
 */

import { one, setText } from "../lib/dom.js";
import { firstOf, toggled } from "./order.js";

/** @typedef {import("./order.js").Order} Order */

export class Sorting {
  /**
   * @param {HTMLElement} root
   * @param {Order} order
   * @param {(order: Order) => void} onSort called when the reader chooses an order
   */
  constructor(root, order, onSort) {
    this.order = order;
    this.heads = /** @type {NodeListOf<HTMLButtonElement>} */ (
      root.querySelectorAll("[data-sort]")
    );
    this.list = one("[data-sort-list]", HTMLSelectElement, root);
    this.reverse = one("[data-sort-reverse]", HTMLButtonElement, root);
    for (const head of this.heads) {
      head.disabled = false;
      head.addEventListener("click", () => onSort(toggled(this.order, column(head.dataset.sort))));
    }
    this.list.addEventListener("change", () => onSort(firstOf(column(this.list.value))));
    this.reverse.addEventListener("click", () => onSort(toggled(this.order, this.order.column)));
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
  return /** @type {import("./order.js").Column} */ (name);
}
