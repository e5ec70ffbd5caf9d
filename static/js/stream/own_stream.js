/**
 * A tab's own stream, where it cannot have one with other tabs.
 *
 * Over HTTP/1.1 a browser has six connections to a server at most, and the seventh tab
 * would not even load. So a tab that opens its stream says when, and the hidden ones of the
 * same address that opened theirs before close them: until they are seen, or until that tab
 * ends. One stream stays open also while all are hidden, so that alerts go on.
 */

import { ReconnectingEventSource } from "./event_source.js";

const CLOSED = "closed";
const MAX_PAUSE_MS = 2_000; // until another tab takes over, not all at once

export class OwnStream {
  #isResting = false;
  #openedAt = 0; // unix ms
  #timer = 0;
  #ended = new AbortController();
  /** @type {BroadcastChannel | null} */
  #others = null;

  /**
   * @param {string} url
   * @param {import("./deduplicator.js").Deduplicator} listener
   */
  constructor(url, listener) {
    this.listener = listener;
    this.source = new ReconnectingEventSource(url, listener);
    if ("BroadcastChannel" in globalThis) {
      this.#others = new BroadcastChannel(`tracker: ${url}`);
      this.#others.onmessage = ({ data }) =>
        data === CLOSED ? this.#takeOver() : this.#rest(data);
    }
    const { signal } = this.#ended;
    document.addEventListener("visibilitychange", () => this.#wake(), { signal });
    this.#open();
  }

  renew() {
    if (this.#isResting) this.#wake();
    else this.source.renew();
  }

  close() {
    clearTimeout(this.#timer);
    this.source.close();
    if (!this.#isResting) this.#others?.postMessage(CLOSED);
    this.#others?.close();
    this.#ended.abort();
  }

  #open() {
    clearTimeout(this.#timer);
    this.#isResting = false;
    this.#openedAt = Date.now() + Math.random(); // no other tab's, also if they open at once
    this.source.open(this.listener.last);
    this.#others?.postMessage(this.#openedAt);
  }

  /** @param {number} openedAt another tab's */
  #rest(openedAt) {
    clearTimeout(this.#timer);
    if (!document.hidden || openedAt < this.#openedAt) return;
    this.#isResting = true;
    this.source.close();
  }

  #takeOver() {
    if (!this.#isResting) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), Math.random() * MAX_PAUSE_MS);
  }

  #wake() {
    if (this.#isResting && !document.hidden) this.#open();
  }
}
