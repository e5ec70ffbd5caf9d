/**
 * One stream for many listeners: what comes is told to all, and who comes later is
 * told at once what is true.
 *
 * It keeps the newest tick alone. Who returns and lacks more gets it from the
 * server, which keeps the ticks anyway: the stream is opened again from there. The
 * others hear some ticks twice then; each listener drops those (`inbox.js`).
 *
 * It does not know what a listener is: a port of a worker, a channel, a page.
 */

import { PriceStream } from "./event_source.js";

/**
 * @typedef {import("./event_source.js").Link} Link
 * @typedef {import("./event_source.js").Listener} Listener
 * @typedef {import("../lib/market.js").Status} Status
 * @typedef {import("../lib/market.js").Tick} Tick
 * @typedef {Pick<PriceStream, "url" | "last" | "open" | "renew" | "close">} Source
 */

/** @implements {Listener} */
export class SharedStream {
  /** @type {Set<Listener>} */
  #members = new Set();
  /** @type {Link | null} */
  #link = null;
  /** @type {Status | null} */
  #status = null;
  /** @type {Tick | null} */
  #tick = null;
  #isOpen = false;

  /**
   * @param {string} url
   * @param {(url: string, listener: Listener) => Source} [connect]
   */
  constructor(url, connect = (url, listener) => new PriceStream(url, listener)) {
    this.source = connect(url, this);
  }

  get size() {
    return this.#members.size;
  }

  /**
   * Tell *member* what is true, and from now on all that comes.
   *
   * @param {Listener} member
   * @param {number | null} last the newest tick that it knows
   */
  join(member, last) {
    this.#members.add(member);
    this.greet(member, last);
  }

  /**
   * Tell *member* what is true, and let all that it lacks come. The first one
   * opens the stream.
   *
   * @param {Listener} member
   * @param {number | null} last
   */
  greet(member, last) {
    if (this.#status) member.onStatus(this.#status);
    if (this.#link) member.onLink(this.#link);
    if (last === null && this.#tick) member.onTick(this.#tick);
    if (this.#isOpen && !this.#isBehind(last)) return;
    this.#isOpen = true;
    this.source.open(last);
  }

  /**
   * When the last one has left, the stream is closed.
   *
   * @param {Listener} member
   */
  leave(member) {
    this.#members.delete(member);
    if (this.size === 0) this.close();
  }

  /** Connect anew, for all. */
  renew() {
    this.source.renew();
  }

  close() {
    this.#isOpen = false;
    this.source.close();
  }

  /** @param {Link} link */
  onLink(link) {
    this.#link = link;
    if (link.state === "lost") this.#status = null; // what was said may hold no longer
    for (const member of this.#members) member.onLink(link);
  }

  /** @param {Status} status */
  onStatus(status) {
    this.#status = status;
    for (const member of this.#members) member.onStatus(status);
  }

  /** @param {Tick} tick */
  onTick(tick) {
    if (!this.#tick || tick.id > this.#tick.id) this.#tick = tick;
    for (const member of this.#members) member.onTick(tick);
  }

  /** @param {number | null} last */
  #isBehind(last) {
    if (last === null) return false;
    return this.source.last === null || last < this.source.last;
  }
}
