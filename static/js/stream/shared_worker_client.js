/** By a shared worker: it has the stream, and every tab a port to it. */

import { afterEndOf, hold, unique } from "./locks.js";
import { deliver } from "./remote_listener.js";

/** @typedef {import("./connect.js").Way} Way */

const PATIENCE = 10_000; // ms; the worker may have to come over a slow line first

/** @implements {Way} */
export class ByWorker {
  static isThere = () => "SharedWorker" in globalThis;

  #over = new AbortController();
  #timer = 0;
  /** @type {string | null} the lock that says that this tab lives */
  #ours = null;
  /** @type {string | null} the worker's */
  #theirs = null;

  /**
   * @param {string} url
   * @param {import("./deduplicator.js").Inbox} inbox
   * @param {() => void} fail called if this way turns out to lead nowhere
   */
  constructor(url, inbox, fail) {
    this.url = url;
    this.inbox = inbox;
    this.fail = fail;
    this.port = this.#connect();
    this.#sayThatWeLive();
  }

  renew() {
    this.#ask({ renew: true });
  }

  close() {
    this.#answered();
    this.port.postMessage({ leave: true });
    this.port.close();
    this.#over.abort();
  }

  /** Raises what the constructor of workers raises where a page may have none. */
  #connect() {
    const address = new URL("./shared_worker.js", import.meta.url);
    const worker = new SharedWorker(address, { type: "module", name: "stream" });
    worker.addEventListener("error", () => this.#fail());
    worker.port.onmessage = ({ data }) => this.#hear(data);
    this.port = worker.port;
    this.#ask({ join: { url: this.url, last: this.inbox.last } });
    return worker.port;
  }

  /** @param {import("./shared_worker.js").Asked} asked */
  #ask(asked) {
    this.port.postMessage(asked);
    this.#timer ||= setTimeout(() => this.#fail(), PATIENCE);
  }

  /** @param {{call?: import("./remote_listener.js").Call, alive?: string | null}} said */
  #hear({ call, alive }) {
    this.#answered();
    if (call) deliver(this.inbox, call);
    if (alive && alive !== this.#theirs) this.#watch(alive);
  }

  /**
   * A worker that ends under us is there again as soon as one connects to it.
   *
   * @param {string} lock
   */
  #watch(lock) {
    this.#theirs = lock;
    const again = () => {
      this.port.close();
      this.#connect();
      if (this.#ours) this.#ask({ lock: this.#ours });
    };
    afterEndOf(lock, again, this.#over.signal);
  }

  /** So that the worker notices when this tab is gone; without locks, only a goodbye tells. */
  async #sayThatWeLive() {
    if (!navigator.locks) return;
    const name = unique("tab");
    try {
      await hold(name, this.#over.signal);
    } catch {
      return; // it was over before it began, or locks are refused
    }
    this.#ours = name;
    this.#ask({ lock: name });
  }

  #answered() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  #fail() {
    if (!this.#over.signal.aborted) this.fail();
  }
}
