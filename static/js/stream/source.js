/**
 * The connection to `/stream`: an `EventSource` that never gives up.
 *
 * The browser reconnects by itself after a dropped connection, but gives up for
 * ever on any answer that is not a stream; then this opens a new one. A link
 * counts as open once the server has *said* something, not when it was reached:
 * a full server answers and hangs up at once. Heartbeats are comments, which an
 * `EventSource` does not show.
 */

import { parseTick } from "../market.js";

/**
 * @typedef {"connecting" | "open" | "lost"} LinkState
 *
 * @typedef {object} Link
 * @property {LinkState} state
 * @property {number | null} nextAttemptAt unix ms, where it is known
 *
 * @typedef {object} Listener
 * @property {(link: Link) => void} onLink
 * @property {(status: import("../market.js").Status) => void} onStatus
 * @property {(tick: import("../market.js").Tick) => void} onTick
 */

const FIRST_DELAY = 3_000; // ms, as the server's own default
const LONGEST_DELAY = 60_000; // ms

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

export class PriceStream {
  /** @type {EventSource | null} */
  #source = null;
  #attempt = 0;
  #timer = 0;

  /**
   * @param {string} url
   * @param {Listener} listener
   */
  constructor(url, listener) {
    this.url = url;
    this.listener = listener;
  }

  /** Connect, anew if there is a connection already. */
  open() {
    this.close();
    const source = new EventSource(this.url);
    this.#source = source;
    source.addEventListener("status", (event) => {
      this.listener.onStatus(JSON.parse(event.data));
      this.#heard();
    });
    source.addEventListener("prices", (event) => {
      this.listener.onTick(parseTick(event.data));
      this.#heard();
    });
    source.addEventListener("error", () => this.#lost(source));
  }

  /** Hang up and stay so until `open`. */
  close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #heard() {
    this.#attempt = 0;
    this.listener.onLink({ state: "open", nextAttemptAt: null });
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
    this.listener.onLink({ state: "lost", nextAttemptAt });
  }
}
