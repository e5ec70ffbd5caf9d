/**
 * Announcements to screen readers: results of what the reader did, never the ticks.
 * *element* is a visually hidden `role=status`.
 */

import { setText } from "../lib/dom.js";

const TYPING_PAUSE_MS = 500;

export class Announcer {
  #timer = 0;

  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
  }

  /** @param {string} text */
  announce(text) {
    clearTimeout(this.#timer);
    setText(this.element, text);
  }

  /**
   * Announce it once the reader pauses; only the last of several is announced.
   *
   * @param {string} text
   */
  announceAfterPause(text) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.announce(text), TYPING_PAUSE_MS);
  }
}
