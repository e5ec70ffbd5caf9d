/**
 * Whether the reader is pointing at something, pressing it, or moving the focus
 * there: then it should not move by itself. A pointer that rests for a while does
 * not count: it may lie there all day.
 */

const REST_MS = 3_000;

export class PointerActivity {
  #movedAt = -Infinity;
  #timer = 0;

  /**
   * @param {HTMLElement} element
   * @param {() => void} onEnd called when an activity that `isActive` reported has ended
   */
  constructor(element, onEnd) {
    this.onEnd = onEnd;
    const onMove = () => {
      this.#movedAt = performance.now();
    };
    for (const kind of ["pointermove", "pointerdown", "focusin", "keydown"]) {
      element.addEventListener(kind, onMove, { passive: true });
    }
    element.addEventListener("pointerleave", () => {
      this.#movedAt = -Infinity;
      if (this.#timer) this.#end();
    });
  }

  /** Whether there is activity; if so, `onEnd` will be called. */
  isActive() {
    const rest = this.#movedAt + REST_MS - performance.now();
    if (rest <= 0) return false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.isActive() || this.#end(), rest);
    return true;
  }

  #end() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.onEnd();
  }
}
