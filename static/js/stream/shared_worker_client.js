/** A tab's side of the shared worker: events come over a port, requests go over it. */

import { afterEndOf, holdLock } from "./locks.js";

/** @typedef {import("./event_source.js").Listener} Listener */

const TIMEOUT_MS = 10_000; // the worker's script may have to come over a slow line first

export class SharedWorkerClient {
  #closed = new AbortController();
  #timer = 0;
  /** @type {string | null} this tab's lock */
  #tabLock = null;
  /** @type {string | null} */
  #workerLock = null;

  /**
   * Raises what `SharedWorker` raises where workers are refused.
   *
   * @param {string} url
   * @param {import("./deduplicator.js").Deduplicator} listener
   * @param {() => void} onFail called if the worker cannot be loaded or does not answer
   */
  constructor(url, listener, onFail) {
    this.url = url;
    this.listener = listener;
    this.onFail = onFail;
    this.port = this.#connect();
    this.#holdTabLock();
  }

  renew() {
    this.#request({ renew: true });
  }

  close() {
    clearTimeout(this.#timer);
    this.port.postMessage({ leave: true });
    this.port.close();
    this.#closed.abort();
  }

  #connect() {
    const address = new URL("./shared_worker.js", import.meta.url);
    const worker = new SharedWorker(address, { type: "module", name: "stream" });
    worker.addEventListener("error", () => this.#fail());
    worker.port.onmessage = ({ data }) => this.#onMessage(data);
    this.port = worker.port;
    this.#request({ join: { url: this.url, last: this.listener.last } });
    return worker.port;
  }

  /** @param {import("./shared_worker.js").Request} request */
  #request(request) {
    this.port.postMessage(request);
    this.#timer ||= setTimeout(() => this.#fail(), TIMEOUT_MS);
  }

  /** @param {import("./shared_worker.js").Message} message */
  #onMessage({ event, value, workerLock }) {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (event) this.listener[event](value);
    if (workerLock && workerLock !== this.#workerLock) this.#watch(workerLock);
  }

  /**
   * Connect again when the worker ends: that starts another.
   *
   * @param {string} lock
   */
  #watch(lock) {
    this.#workerLock = lock;
    const reconnect = () => {
      this.port.close();
      this.#connect();
      if (this.#tabLock) this.#request({ tabLock: this.#tabLock });
    };
    afterEndOf(lock, reconnect, this.#closed.signal);
  }

  /** So that the worker notices when this tab crashes. */
  async #holdTabLock() {
    this.#tabLock = await holdLock(this.#closed.signal);
    const isOpen = !this.#closed.signal.aborted;
    if (this.#tabLock && isOpen) this.#request({ tabLock: this.#tabLock });
  }

  #fail() {
    if (!this.#closed.signal.aborted) this.onFail();
  }
}
