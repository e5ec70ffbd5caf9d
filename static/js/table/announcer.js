/**
 * What is said to those who cannot see the table: only what answers something
 * they did, and never the ticks. *element* is a visually hidden `role=status`.
 */

import { setText } from "../lib/dom.js";

const PAUSE = 500; // ms in which typing may go on

export class Voice {
  #timer = 0;

  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
  }

  /** @param {string} words */
  say(words) {
    clearTimeout(this.#timer);
    setText(this.element, words);
  }

  /**
   * Say it once the reader pauses; only the last of several is said.
   *
   * @param {string} words
   */
  sayInAPause(words) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.say(words), PAUSE);
  }
}
