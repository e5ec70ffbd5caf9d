/**
 * The shared worker: one stream per address for all tabs of this browser.
 *
 * A tab that closes says so; one that crashes does not, but then the browser gives
 * its lock to the worker, which asked for it. A stream without tabs is closed.
 */

import { afterEndOf, hold, unique } from "./locks.js";
import { remote } from "./remote_listener.js";
import { SharedStream } from "./fan_out.js";

/**
 * @typedef {object} Asked what a tab may say
 * @property {{url: string, last: number | null}} [join] always first
 * @property {string} [lock] which lock the tab holds as long as it lives
 * @property {true} [renew] the connection is silent: make another
 * @property {true} [leave]
 */

/** @type {Map<string, SharedStream>} by address */
const streams = new Map();

/** @type {Promise<string | null>} the lock that says that this worker lives */
const alive = sayThatWeLive();

/** A tab's end of the line. */
class Visitor {
  /** @type {SharedStream | null} */
  #stream = null;

  /** @param {MessagePort} port */
  constructor(port) {
    this.port = port;
    this.listener = remote((call) => port.postMessage({ call }));
    port.onmessage = ({ data }) => this.#hear(data);
  }

  /** @param {Asked} asked */
  #hear({ join, lock, renew, leave }) {
    if (join) this.#join(join.url, join.last);
    if (lock) afterEndOf(lock, () => this.#leave());
    if (renew) this.#stream?.renew();
    if (leave) this.#leave();
    else alive.then((lock) => this.port.postMessage({ alive: lock }));
  }

  /**
   * @param {string} url
   * @param {number | null} last
   */
  #join(url, last) {
    this.#stream = streams.get(url) ?? new SharedStream(url);
    streams.set(url, this.#stream);
    this.#stream.join(this.listener, last);
  }

  #leave() {
    const stream = this.#stream;
    if (!stream) return;
    this.#stream = null;
    this.port.close();
    stream.leave(this.listener);
    if (stream.size === 0) streams.delete(stream.source.url);
  }
}

async function sayThatWeLive() {
  if (!navigator.locks) return null;
  const name = unique("worker");
  return hold(name).then(
    () => name,
    () => null,
  );
}

addEventListener("connect", (event) => {
  new Visitor(/** @type {MessageEvent} */ (event).ports[0]);
});
