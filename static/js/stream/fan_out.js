/**
 * One stream for many listeners: each gets all events, and a new one also the
 * current link, status and tick.
 *
 * Only the newest tick is kept. For a listener that lacks earlier ones the stream
 * is opened again from there, and the server replays them. The other listeners get
 * some ticks twice then, and drop them (`deduplicator.js`).
 */

import { ReconnectingEventSource } from "./event_source.js";

/**
 * @typedef {import("./event_source.js").Link} Link
 * @typedef {import("./event_source.js").Listener} Listener
 * @typedef {import("../lib/market.js").Status} Status
 * @typedef {import("../lib/market.js").Tick} Tick
 * @typedef {Pick<ReconnectingEventSource, "url" | "last" | "open" | "renew" | "close">} Source
 */

/** @implements {Listener} */
export class FanOut {
  /** @type {Set<Listener>} */
  #listeners = new Set();
  /** @type {Link | null} */
  #link = null;
  /** @type {Status | null} */
  #status = null;
  /** @type {Tick | null} */
  #tick = null;

  /**
   * @param {string} url
   * @param {(url: string, listener: Listener) => Source} [connect]
   */
  constructor(url, connect = (url, listener) => new ReconnectingEventSource(url, listener)) {
    this.source = connect(url, this);
  }

  get size() {
    return this.#listeners.size;
  }

  /**
   * Add a listener. The first one opens the stream.
   *
   * @param {Listener} listener
   * @param {number | null} last the newest tick that it has
   */
  join(listener, last) {
    const isFirst = this.size === 0;
    this.#listeners.add(listener);
    if (this.#status) listener.onStatus(this.#status);
    if (this.#link) listener.onLink(this.#link);
    if (last === null && this.#tick) listener.onTick(this.#tick);
    if (isFirst || this.#isElsewhere(last)) this.source.open(last);
  }

  /**
   * Remove a listener. After the last one the stream is closed.
   *
   * @param {Listener} listener
   */
  leave(listener) {
    this.#listeners.delete(listener);
    if (this.size === 0) this.source.close();
  }

  /** Connect anew, for all. */
  renew() {
    this.source.renew();
  }

  /** @param {Link} link */
  onLink(link) {
    this.#link = link;
    if (link.state === "lost") this.#status = null; // it may no longer hold
    for (const listener of this.#listeners) listener.onLink(link);
  }

  /** @param {Status} status */
  onStatus(status) {
    this.#status = status;
    for (const listener of this.#listeners) listener.onStatus(status);
  }

  /** @param {Tick} tick */
  onTick(tick) {
    if (!this.#tick || tick.id > this.#tick.id) this.#tick = tick;
    for (const listener of this.#listeners) listener.onTick(tick);
  }

  onRestart() {
    this.#tick = null;
    for (const listener of this.#listeners) listener.onRestart();
  }

  /**
   * Whether a listener is elsewhere than the stream; the server says what it lacks.
   *
   * @param {number | null} last
   */
  #isElsewhere(last) {
    return last !== null && last !== this.source.last;
  }
}
