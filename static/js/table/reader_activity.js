/**
 * Whether the reader is at something: points at it, presses it, or has the keyboard's
 * focus in it. Then it should not move by itself. A pointer that rests for long does
 * not count: it may lie there all day.
 */

const REST_MS = 30_000;

export class ReaderActivity {
  #movedAt = -Infinity;
  #timer = 0;
  #isHolding = false;

  /**
   * @param {HTMLElement} element
   * @param {() => void} onEnd called when an activity that `isActive` reported has ended
   */
  constructor(element, onEnd) {
    this.element = element;
    this.onEnd = onEnd;
    const onMove = () => {
      this.#movedAt = performance.now();
    };
    for (const kind of ["pointermove", "pointerdown", "keydown"]) {
      element.addEventListener(kind, onMove, { passive: true });
    }
    element.addEventListener("pointerleave", () => {
      this.#movedAt = -Infinity;
      this.#look();
    });
    // The focus may only have moved on: where it is now is known in a moment.
    element.addEventListener("focusout", () => setTimeout(() => this.#look(), 0));
  }

  /** Whether there is activity; if so, `onEnd` will be called. */
  isActive() {
    clearTimeout(this.#timer);
    const rest = this.#movedAt + REST_MS - performance.now();
    if (rest > 0) this.#timer = setTimeout(() => this.#look(), rest);
    this.#isHolding = rest > 0 || this.element.querySelector(":focus-visible") !== null;
    return this.#isHolding;
  }

  #look() {
    if (this.#isHolding && !this.isActive()) this.onEnd();
  }
}
