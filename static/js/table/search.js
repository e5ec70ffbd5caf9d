/** The search box: `/` goes there from anywhere, Escape clears it and then leaves it. */

import { folded } from "./order.js";

export class Search {
  /**
   * @param {HTMLInputElement} box
   * @param {(needle: string) => void} seek called with a folded text, each time it changes
   */
  constructor(box, seek) {
    this.box = box;
    this.seek = seek;
    box.addEventListener("input", () => seek(this.needle));
    box.addEventListener("keydown", (event) => event.key === "Escape" && this.#escape(event));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || isTyped(event)) return;
      event.preventDefault();
      box.focus();
      box.select();
    });
  }

  get needle() {
    return folded(this.box.value);
  }

  clear() {
    this.box.value = "";
    this.seek("");
  }

  /** @param {KeyboardEvent} event */
  #escape(event) {
    event.preventDefault(); // a browser may clear the box by itself, without a word
    if (this.box.value) this.clear();
    else this.box.blur();
  }
}

/**
 * Whether a key belongs to somebody else: to a field, or to the browser.
 *
 * @param {KeyboardEvent} event
 */
function isTyped({ target, ctrlKey, metaKey, altKey, isComposing }) {
  if (ctrlKey || metaKey || altKey || isComposing) return true;
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches("input, textarea, select, dialog *");
}
