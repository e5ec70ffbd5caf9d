/** The search box: `/` focuses it from anywhere, Escape clears it and then leaves it. */

import { folded } from "./order.js";

export class Search {
  /**
   * @param {HTMLInputElement} box
   * @param {(needle: string) => void} onSearch called with the folded text each time it changes
   */
  constructor(box, onSearch) {
    this.box = box;
    this.onSearch = onSearch;
    box.addEventListener("input", () => onSearch(this.needle));
    box.addEventListener("keydown", (event) => event.key === "Escape" && this.#escape(event));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || isTakenElsewhere(event)) return;
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
    this.onSearch("");
  }

  /** @param {KeyboardEvent} event */
  #escape(event) {
    event.preventDefault(); // a browser may clear the box by itself, without an event
    if (this.box.value) this.clear();
    else this.box.blur();
  }
}

/**
 * Whether a key is meant for a field or the browser.
 *
 * @param {KeyboardEvent} event
 */
function isTakenElsewhere({ target, ctrlKey, metaKey, altKey, isComposing }) {
  if (ctrlKey || metaKey || altKey || isComposing) return true;
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches("input, textarea, select, dialog *");
}
