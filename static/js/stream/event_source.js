/**
 * The connection to `/stream`: an `EventSource` that never gives up.
 *
 * The browser reconnects by itself after a dropped connection, but gives up for
 * ever on any answer that is not a stream; then this opens a new one, which goes
 * on after the newest tick that was heard. A link counts as open once the server
 * has *said* something, not when it was reached: a full server answers and hangs
 * up at once. Heartbeats are comments, which an `EventSource` does not show.
 *
 * It needs no document, and does not know who listens: a page, or a worker.
 */

import { parseTick } from "../lib/market.js";

/**
 * @typedef {"connecting" | "open" | "lost"} LinkState
 *
 * @typedef {object} Link
 * @property {LinkState} state
 * @property {number | null} nextAttemptAt unix ms, where it is known
 *
 * @typedef {object} Listener
 * @property {(link: Link) => void} onLink
 * @property {(status: import("../lib/market.js").Status) => void} onStatus
 * @property {(tick: import("../lib/market.js").Tick) => void} onTick
 */

const FIRST_DELAY = 3_000; // ms, as the server's own default
const LONGEST_DELAY = 60_000; // ms
const FRESH = 10_000; // ms in which a connection is given the chance to speak
const FRESH_ATTEMPT = 1_000; // ms, the same for one that is made while the link is lost

/**
 * How long to wait before attempt number *attempt* (from 0): doubling, and
 * spread so that the readers of a lost server do not return in step.
 *
 * @param {number} attempt
 * @param {number} [chance] from 0 to 1
 */
export function delayBefore(attempt, chance = Math.random()) {
  return Math.min(FIRST_DELAY * 2 ** attempt, LONGEST_DELAY) * (0.5 + chance);
}

/**
 * The address that goes on after a tick: in the address, since only the browser's
 * own reconnecting sends the header `Last-Event-ID`. Which wins once there are both.
 *
 * @param {string} url
 * @param {number | null} last the tick's id
 */
export function resuming(url, last) {
  if (last === null) return url;
  return `${url}${url.includes("?") ? "&" : "?"}last_event_id=${last}`;
}

export class PriceStream {
  /** @type {EventSource | null} */
  #source = null;
  /** @type {LinkState} */
  #state = "connecting";
  #attempt = 0;
  #timer = 0;
  #openedAt = -Infinity;

  /**
   * @param {string} url
   * @param {Listener} listener
   */
  constructor(url, listener) {
    this.url = url;
    this.listener = listener;
    /** @type {number | null} the newest tick heard, after which a new connection goes on */
    this.last = null;
  }

  /**
   * Connect, anew if there is a connection already.
   *
   * @param {number | null} [last] the tick to go on after; null begins with the newest
   */
  open(last = this.last) {
    this.close();
    this.last = last;
    this.#openedAt = performance.now();
    const source = new EventSource(resuming(this.url, last));
    this.#source = source;
    source.addEventListener("status", (event) => {
      this.listener.onStatus(JSON.parse(event.data));
      this.#heard();
    });
    source.addEventListener("prices", (event) => {
      this.#hear(parseTick(event.data));
      this.#heard();
    });
    source.addEventListener("error", () => this.#lost(source));
  }

  /** Connect anew, unless that has just been done: many tabs may ask at once. */
  renew() {
    const fresh = this.#state === "lost" ? FRESH_ATTEMPT : FRESH;
    if (performance.now() - this.#openedAt >= fresh) this.open();
  }

  /** Hang up and stay so until `open`. */
  close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  /** @param {import("../lib/market.js").Tick} tick */
  #hear(tick) {
    this.last = Math.max(this.last ?? 0, tick.id);
    this.listener.onTick(tick);
  }

  #heard() {
    this.#attempt = 0;
    if (this.#state !== "open") this.#tell("open", null);
  }

  /** @param {EventSource} source */
  #lost(source) {
    if (source !== this.#source) return;
    let nextAttemptAt = null;
    if (source.readyState === EventSource.CLOSED) {
      const delay = delayBefore(this.#attempt++);
      nextAttemptAt = Date.now() + delay;
      this.#timer = setTimeout(() => this.open(), delay);
    }
    this.#tell("lost", nextAttemptAt);
  }

  /**
   * @param {LinkState} state
   * @param {number | null} nextAttemptAt
   */
  #tell(state, nextAttemptAt) {
    this.#state = state;
    this.listener.onLink({ state, nextAttemptAt });
  }
}
