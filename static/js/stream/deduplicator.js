/**
 * Passes on each tick once and in order.
 *
 * Tick ids rise, so one that is not newer than the newest is a repetition: it was
 * replayed for another tab, or comes from two connections while one replaces the other.
 */

/** @typedef {import("./event_source.js").Listener} Listener */

/** @implements {Listener} */
export class Deduplicator {
  /** @type {number | null} the newest tick's id */
  last = null;
  isLost = false;

  /** @param {Listener} listener */
  constructor(listener) {
    this.listener = listener;
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

  /** @param {import("../lib/market.js").Tick} tick */
  onTick(tick) {
    if (this.last !== null && tick.id <= this.last) return;
    this.last = tick.id;
    this.listener.onTick(tick);
  }
}
