/**
 * A tab's own stream, where it cannot have one with other tabs.
 *
 * Over HTTP/1.1 a browser has six connections to a server at most, and the seventh tab
 * would not even load. So a tab that opens its stream says so, and the hidden ones of the
 * same address close theirs: until they are seen, or until that tab ends. One stream stays
 * open also while all are hidden, so that alerts go on.
 */

import { ReconnectingEventSource } from "./event_source.js";

const OPENED = "opened";
const CLOSED = "closed";
const MAX_PAUSE_MS = 2_000; // until another tab takes over, not all at once

export class OwnStream {
  #isResting = false;
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
      this.#others.onmessage = ({ data }) => (data === OPENED ? this.#rest() : this.#takeOver());
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
    this.source.open(this.listener.last);
    this.#others?.postMessage(OPENED);
  }

  #rest() {
    clearTimeout(this.#timer);
    if (!document.hidden) return;
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
