/**
 * The connection to `/stream`: an `EventSource` that never gives up.
 *
 * The browser reconnects by itself after a dropped connection, but gives up for
 * good on any answer that is not a stream; then this opens a new one, which
 * continues after the newest tick received. A link counts as open once an event
 * has come, not when it was connected: a full server answers and closes at once.
 *
 * Where a network swallows packets nothing says that a connection is dead. So one
 * that is silent for longer than the server's heartbeats allow is replaced.
 *
 * It needs no document: it runs in a page and in a worker.
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
 * @property {() => void} onRestart called before a tick that does not follow on from those
 *   before: its id may be any, also a lower one
 */

const FIRST_DELAY_MS = 3_000; // as the server's own default
const MAX_DELAY_MS = 60_000;
const MIN_AGE_MS = 10_000; // a younger connection is not renewed: its first event may be on its way
const MIN_AGE_LOST_MS = 1_000; // the same while the link is lost
const SILENT_HEARTBEATS = 2.5; // then a connection is taken for dead
const FIRST_EVENT_MS = 20_000; // how long a first connection may take to its first event
const QUICK_MS = 8_000; // the same in place of one that has gone silent
const QUICK_ATTEMPTS = 8; // about a minute; then the time doubles

/**
 * The delay before attempt number *attempt* (from 0): doubling, and spread so that
 * the readers of a lost server do not return in step.
 *
 * @param {number} attempt
 * @param {number} [random] from 0 to 1
 */
export function delayBefore(attempt, random = Math.random()) {
  return Math.min(FIRST_DELAY_MS * 2 ** attempt, MAX_DELAY_MS) * (0.5 + random);
}

/**
 * How long an attempt in place of a silent connection may take to its first event:
 * packets that are lost now may get through in a moment.
 *
 * @param {number} silences in a row
 */
function patience(silences) {
  return Math.min(QUICK_MS * 2 ** Math.max(0, silences - QUICK_ATTEMPTS), MAX_DELAY_MS);
}

/**
 * The address of the events after a tick. Only the browser's own reconnecting sends
 * the header `Last-Event-ID`, which is stronger than the address where both are sent.
 *
 * @param {string} url
 * @param {number | null} last the tick's id
 */
export function resuming(url, last) {
  if (last === null) return url;
  return `${url}${url.includes("?") ? "&" : "?"}last_event_id=${last}`;
}

export class ReconnectingEventSource {
  /** @type {EventSource | null} */
  #source = null;
  /** @type {LinkState} */
  #state = "connecting";
  #attempt = 0;
  #timer = 0;
  #openedAt = -Infinity;
  #silence = 0; // a timer
  #silences = 0; // in a row
  #heartbeatMs = 0; // unknown before the server has said it

  /**
   * @param {string} url
   * @param {Listener} listener
   */
  constructor(url, listener) {
    this.url = url;
    this.listener = listener;
    /** @type {number | null} the newest tick's id: a new connection continues after it */
    this.last = null;
  }

  /**
   * Connect, anew if there is a connection already.
   *
   * @param {number | null} [last] the tick to continue after; null begins with the newest
   */
  open(last = this.last) {
    this.close();
    this.last = last;
    this.#openedAt = performance.now();
    const source = new EventSource(resuming(this.url, last));
    this.#source = source;
    this.#limitSilence(this.#silences ? patience(this.#silences) : FIRST_EVENT_MS);
    source.addEventListener("status", (event) => {
      const status = JSON.parse(event.data);
      this.#heartbeatMs = (status.heartbeat_s ?? 0) * 1000;
      this.listener.onStatus(status);
      this.#onEvent();
    });
    source.addEventListener("resume", (event) => {
      if (JSON.parse(event.data).recovered) return;
      this.last = null;
      this.listener.onRestart();
    });
    source.addEventListener("prices", (event) => {
      const tick = parseTick(event.data);
      this.last = Math.max(this.last ?? 0, tick.id);
      this.listener.onTick(tick);
      this.#onEvent();
    });
    source.addEventListener("error", () => this.#onError(source));
  }

  /** Connect anew, unless that has just been done: many tabs may ask for it at once. */
  renew() {
    const minAge = this.#state === "lost" ? MIN_AGE_LOST_MS : MIN_AGE_MS;
    if (performance.now() - this.#openedAt >= minAge) this.open();
  }

  /** Close the connection until `open` is called. */
  close() {
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#source = null;
  }

  #onEvent() {
    this.#attempt = 0;
    this.#silences = 0;
    this.#limitSilence(this.#heartbeatMs * SILENT_HEARTBEATS);
    if (this.#state !== "open") this.#setLink("open", null);
  }

  /** @param {number} ms after which the connection is replaced; 0 sets no limit */
  #limitSilence(ms) {
    clearTimeout(this.#silence);
    if (ms) this.#silence = setTimeout(() => this.#onSilence(), ms);
  }

  #onSilence() {
    this.#silences++;
    this.#setLink("lost", Date.now());
    this.open();
  }

  /** @param {EventSource} source */
  #onError(source) {
    if (source !== this.#source) return;
    clearTimeout(this.#silence); // the browser, or the timer below, makes the next attempt
    let nextAttemptAt = null;
    if (source.readyState === EventSource.CLOSED) {
      const delay = delayBefore(this.#attempt++);
      nextAttemptAt = Date.now() + delay;
      this.#timer = setTimeout(() => this.open(), delay);
    }
    this.#setLink("lost", nextAttemptAt);
  }

  /**
   * @param {LinkState} state
   * @param {number | null} nextAttemptAt
   */
  #setLink(state, nextAttemptAt) {
    this.#state = state;
    this.listener.onLink({ state, nextAttemptAt });
  }
}
