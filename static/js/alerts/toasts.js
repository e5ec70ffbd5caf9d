/**
 * Firings that could not be shown as notifications: they stay on the page until the
 * reader dismisses them, and are announced once, in the visible tab.
 */

import { one, setText } from "../lib/dom.js";
import { KeyedList } from "./list.js";
import { keyOf } from "./store.js";
import { detail, headline } from "./labels.js";

/** @typedef {import("./rules.js").Firing} Firing */

export class Toasts {
  /**
   * @param {HTMLElement} root
   * @param {(firings: Firing[]) => void} dismiss
   * @param {() => HTMLElement} focusAfterLast where the focus goes when the last one is dismissed
   */
  constructor(root, dismiss, focusAfterLast) {
    this.root = root;
    this.all = one("[data-dismiss-all]", HTMLButtonElement, root);
    this.announcement = one("[data-alert-announcement]");
    /** @type {Firing[]} */
    this.waiting = [];
    /** @type {KeyedList<Firing>} */
    this.list = new KeyedList(
      one("[data-toast-list]", HTMLElement, root),
      one("[data-toast-template]", HTMLTemplateElement),
      { key: keyOf, fill, remove: (firing) => dismiss([firing]), focusAfterLast },
    );
    this.all.addEventListener("click", () => {
      dismiss(this.waiting);
      focusAfterLast().focus();
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
    if (news.length && !document.hidden) setText(this.announcement, news.map(headline).join(". "));
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
