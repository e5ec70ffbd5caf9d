/**
 * How a page comes by its events: one connection for all tabs, in the best way this
 * browser has. A browser opens six to a server at most, so with one per tab the
 * seventh would hang.
 *
 * 1. a shared worker has the stream (`shared_worker_client.js`);
 * 2. one of the tabs has it (`by_leader.js`);
 * 3. each tab has its own.
 *
 * A way that leads nowhere (a worker that cannot be loaded, a browser that refuses
 * it to embedded pages) is given up for the next. Whichever it is, nothing is lost
 * in between: each way goes on after the newest tick that this tab has heard.
 */

import { ByLeader } from "./by_leader.js";
import { ByWorker } from "./shared_worker_client.js";
import { Inbox } from "./deduplicator.js";
import { PriceStream } from "./event_source.js";

/**
 * @typedef {object} Connection
 * @property {() => void} open connect, anew if there is a connection already
 * @property {() => void} close hang up and stay so until `open`
 *
 * @typedef {object} Way one way to the stream: taken when made, over when closed
 * @property {() => void} renew the connection is silent or lost: make it anew, for all
 * @property {() => void} close
 */

/**
 * @param {string} url
 * @param {import("./event_source.js").Listener} listener
 * @returns {Connection}
 */
export function connection(url, listener) {
  return new TabsConnection(new URL(url, document.baseURI).href, listener);
}

/** @implements {Way} */
class ByItself {
  static isThere = () => true;

  /**
   * @param {string} url
   * @param {Inbox} inbox
   */
  constructor(url, inbox) {
    this.source = new PriceStream(url, inbox);
    this.source.open(inbox.last);
  }

  renew() {
    this.source.renew();
  }

  close() {
    this.source.close();
  }
}

/** @implements {Connection} */
class TabsConnection {
  #ways = [ByWorker, ByLeader, ByItself].filter((way) => way.isThere());
  /** @type {Way | null} */
  #way = null;
  #isFrozen = false;

  /**
   * @param {string} url
   * @param {import("./event_source.js").Listener} listener
   */
  constructor(url, listener) {
    this.url = url;
    this.inbox = new Inbox(listener);
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => this.#hurry());
    document.addEventListener("freeze", () => this.#freeze());
    document.addEventListener("resume", () => this.#thaw());
  }

  open() {
    if (this.#way) this.#way.renew();
    else this.#take();
  }

  close() {
    this.#way?.close();
    this.#way = null;
  }

  #take() {
    const [Way] = this.#ways;
    try {
      this.#way = new Way(this.url, this.inbox, () => this.#takeNext());
    } catch {
      this.#takeNext(); // SecurityError: not for this page
    }
  }

  #takeNext() {
    this.close();
    this.#ways.shift();
    this.#take();
  }

  /** Who looks at the page, or has the network back, need not wait out the delay. */
  #hurry() {
    if (this.#way && this.inbox.isLost && !document.hidden) this.open();
  }

  /** A frozen tab hears nothing, and must not keep the stream from the others. */
  #freeze() {
    this.#isFrozen = this.#way !== null;
    this.close();
  }

  #thaw() {
    if (this.#isFrozen) this.#take();
    this.#isFrozen = false;
  }
}
