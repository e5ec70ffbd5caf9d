/**
 * Passes on each tick once and in order.
 *
 * Tick ids rise, so one that is not newer than the newest is a repetition: it was
 * replayed for another tab, or comes from two connections while one replaces the other.
 * Only where the server says that it cannot continue, the next tick counts whatever
 * its id: the ids before may have been of a clock that was ahead.
 */

/** @typedef {import("./event_source.js").Listener} Listener */

/** @implements {Listener} */
export class Deduplicator {
  /** @type {number | null} the newest tick's id, of the stream */
  last = null;
  isLost = false;
  #isRestart = false;

  /**
   * @param {Omit<Listener, "onRestart">} listener
   * @param {number | null} [known] the id of a tick that the listener has already
   */
  constructor(listener, known = null) {
    this.listener = listener;
    this.known = known;
  }

  /** @param {import("./event_source.js").Link} link */
  onLink(link) {
    this.isLost = link.state === "lost";
    this.listener.onLink(link);
  }

  /** @param {import("../lib/market.js").Status} status */
  onStatus(status) {
    this.listener.onStatus(status);
  }

  onRestart() {
    this.#isRestart = true;
  }

  /** @param {import("../lib/market.js").Tick} tick */
  onTick(tick) {
    const { known } = this;
    const isRestart = this.#isRestart;
    this.#isRestart = false;
    if (!isRestart && this.last !== null && tick.id <= this.last) return;
    this.last = tick.id;
    if (known !== null && (isRestart ? tick.id === known : tick.id <= known)) return;
    this.known = tick.id;
    this.listener.onTick(tick);
  }
}
