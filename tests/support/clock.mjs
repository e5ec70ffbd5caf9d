/** A clock that a test moves: what `setTimeout` was told to do is done when it is due. */

export class Clock {
  now = 0; // ms
  #due = new Map();
  #last = 0;
  #real = [];

  /** Take the place of `setTimeout`, `clearTimeout` and `performance.now`. */
  install() {
    this.#real = [globalThis.setTimeout, globalThis.clearTimeout];
    globalThis.setTimeout = (action, delay) => {
      this.#due.set(++this.#last, { at: this.now + delay, action });
      return this.#last;
    };
    globalThis.clearTimeout = (timer) => this.#due.delete(timer);
    const value = () => this.now;
    Object.defineProperty(performance, "now", { value, configurable: true }); // above the prototype's
  }

  /** Give all that back. */
  remove() {
    [globalThis.setTimeout, globalThis.clearTimeout] = this.#real;
    delete performance.now;
  }

  /**
   * Let time go by, with all that is due in it, in its order.
   *
   * @param {number} ms
   */
  tick(ms) {
    const end = this.now + ms;
    for (;;) {
      const [next] = [...this.#due].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
      if (!next) break;
      const [timer, { at, action }] = next;
      this.#due.delete(timer);
      this.now = at;
      action();
    }
    this.now = end;
  }
}
