/**
 * Whether the reader's hand is on something: pointing, pressing or moving the
 * focus there. What is under the hand should not move by itself.
 *
 * A pointer that rests for a while is no hand: it may lie there all day.
 */

const REST = 3_000; // ms

export class Hand {
  #movedAt = -Infinity;
  #timer = 0;

  /**
   * @param {HTMLElement} element
   * @param {() => void} left called when the hand has left what it was found on
   */
  constructor(element, left) {
    this.left = left;
    const moved = () => {
      this.#movedAt = performance.now();
    };
    for (const kind of ["pointermove", "pointerdown", "focusin", "keydown"]) {
      element.addEventListener(kind, moved, { passive: true });
    }
    element.addEventListener("pointerleave", () => {
      this.#movedAt = -Infinity;
      if (this.#timer) this.#leave();
    });
  }

  /** Whether the hand is there; if so, `left` will be called. */
  isOn() {
    const rest = this.#movedAt + REST - performance.now();
    if (rest <= 0) return false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#leave(), rest);
    return true;
  }

  #leave() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.left();
  }
}
