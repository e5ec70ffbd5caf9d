/**
 * A page's connection to its events, in one of two ways:
 *
 * 1. a shared worker has one stream for all tabs (`shared_worker_client.js`): over
 *    HTTP/1.1 a browser opens six connections to a server at most, so with one per
 *    tab the seventh would hang;
 * 2. where shared workers are missing, refused or cannot be loaded, the tab has a
 *    stream of its own (`own_stream.js`), which it closes for others while it is hidden.
 *
 * Nothing is lost in between: each begins after the newest tick that the tab has.
 */

import { Deduplicator } from "./deduplicator.js";
import { OwnStream } from "./own_stream.js";
import { SharedWorkerClient } from "./shared_worker_client.js";

/** @typedef {Pick<OwnStream, "renew" | "close">} Stream */

export class Connection {
  #canShare = "SharedWorker" in globalThis;
  /** @type {Stream | null} */
  #stream = null;
  #isFrozen = false;

  /**
   * @param {string} url
   * @param {Omit<import("./event_source.js").Listener, "onRestart">} listener
   * @param {number | null} [known] the id of a tick that the listener has already
   */
  constructor(url, listener, known) {
    this.url = new URL(url, document.baseURI).href;
    this.listener = new Deduplicator(listener, known);
    addEventListener("online", () => this.#retryNow());
    document.addEventListener("visibilitychange", () => this.#retryNow());
    document.addEventListener("freeze", () => this.#freeze());
    document.addEventListener("resume", () => this.#resume());
  }

  /** Connect, anew if there is a connection already. */
  open() {
    if (this.#stream) this.#stream.renew();
    else this.#connect();
  }

  /** Close the connection until `open` is called. */
  close() {
    this.#stream?.close();
    this.#stream = null;
  }

  #connect() {
    if (!this.#canShare) {
      this.#stream = new OwnStream(this.url, this.listener);
      return;
    }
    try {
      this.#stream = new SharedWorkerClient(this.url, this.listener, () => this.#stopSharing());
    } catch {
      this.#stopSharing(); // SecurityError: workers are refused to this page
    }
  }

  #stopSharing() {
    this.close();
    this.#canShare = false;
    this.#connect();
  }

  /** A visible page, or one that is online again, does not wait for the next attempt. */
  #retryNow() {
    if (this.#stream && this.listener.isLost && !document.hidden) this.open();
  }

  /** A frozen tab cannot read, so its connection would only fill up. */
  #freeze() {
    this.#isFrozen = this.#stream !== null;
    this.close();
  }

  #resume() {
    if (this.#isFrozen) this.#connect();
    this.#isFrozen = false;
  }
}
