/**
 * What fired and could not be shown as a notification, on the page: it stays until
 * the reader dismisses it, and is spoken once, in the tab that is looked at.
 */

import { one, setText } from "../lib/dom.js";
import { KeyedList } from "./list.js";
import { keyOf } from "./store.js";
import { detail, headline } from "./labels.js";

/** @typedef {import("./rules.js").Firing} Firing */

export class Toasts {
  /**
   * @param {HTMLElement} root
   * @param {(seen: Firing[]) => void} dismiss
   * @param {() => HTMLElement} after where the focus goes when the last one is dismissed
   */
  constructor(root, dismiss, after) {
    this.root = root;
    this.all = one("[data-dismiss-all]", HTMLButtonElement, root);
    this.spoken = one("[data-spoken-alert]");
    /** @type {Firing[]} */
    this.waiting = [];
    /** @type {KeyedList<Firing>} */
    this.list = new KeyedList(
      one("[data-toast-list]", HTMLElement, root),
      one("[data-toast-template]", HTMLTemplateElement),
      { key: keyOf, fill, remove: (firing) => dismiss([firing]), after },
    );
    this.all.addEventListener("click", () => {
      dismiss(this.waiting);
      after().focus();
    });
  }

  /** @param {Firing[]} waiting the newest first */
  show(waiting) {
    const known = new Set(this.waiting.map(keyOf));
    const news = waiting.filter((firing) => !known.has(keyOf(firing)));
    this.waiting = waiting;
    this.root.hidden = waiting.length === 0;
    this.all.hidden = waiting.length < 2;
    this.list.show(waiting);
    if (news.length && !document.hidden) setText(this.spoken, news.map(headline).join(". "));
  }
}

/**
 * @param {HTMLElement} item
 * @param {Firing} firing
 */
function fill(item, firing) {
  setText(one("[data-headline]", HTMLElement, item), headline(firing));
  setText(one("[data-detail]", HTMLElement, item), detail(firing));
  one("button", HTMLElement, item).setAttribute("aria-label", `Dismiss: ${headline(firing)}`);
}
