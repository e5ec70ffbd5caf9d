/**
 * The tab's end of a stream, however it comes: each tick once and in order.
 *
 * Tick ids rise, so what is not newer than the newest was heard before: told again
 * for another tab's sake, or by two connections while one takes over from the other.
 */

/**
 * @typedef {import("./event_source.js").Link} Link
 * @typedef {import("./event_source.js").Listener} Listener
 * @typedef {import("../lib/market.js").Status} Status
 * @typedef {import("../lib/market.js").Tick} Tick
 */

/** @implements {Listener} */
export class Inbox {
  /** @param {Listener} listener */
  constructor(listener) {
    this.listener = listener;
    /** @type {number | null} the newest tick's id */
    this.last = null;
    this.isLost = false;
  }

  /** @param {Link} link */
  onLink(link) {
    this.isLost = link.state === "lost";
    this.listener.onLink(link);
  }

  /** @param {Status} status */
  onStatus(status) {
    this.listener.onStatus(status);
  }

  /** @param {Tick} tick */
  onTick(tick) {
    if (this.last !== null && tick.id <= this.last) return;
    this.last = tick.id;
    this.listener.onTick(tick);
  }
}
