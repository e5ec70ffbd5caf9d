/**
 * By the tabs among themselves: the one that holds a Web Lock is the leader, has
 * the stream, and broadcasts what comes. When it ends, in whatever way, the next in
 * the queue gets the lock and goes on after the newest tick that it has heard.
 *
 * Every tab hears all that is broadcast from the moment its channel is there, so it
 * asks only for what came before that: when it joins, and when a new leader begins
 * after a tick that this tab has not come to yet.
 */

import { unique } from "./locks.js";
import { deliver, remote } from "./remote_listener.js";
import { SharedStream } from "./fan_out.js";

/**
 * @typedef {import("./connect.js").Way} Way
 *
 * @typedef {object} Said what tabs say to each other
 * @property {string} [to] whom it is meant for, if not for all
 * @property {import("./remote_listener.js").Call} [call] from the leader
 * @property {{last: number | null}} [lead] a new leader, and after which tick it begins
 * @property {true} [here] the leader is there
 * @property {{from: string, last: number | null}} [join] for the leader
 * @property {{from: string}} [renew] for the leader
 */

const PATIENCE = 5_000; // ms that a leader may take to answer

/** @implements {Way} */
export class ByLeader {
  static isThere = () => "BroadcastChannel" in globalThis && Boolean(navigator.locks);

  #me = unique("tab");
  #queue = new AbortController();
  #isOver = false;
  #timer = 0;
  /** @type {SharedStream | null} while this tab leads */
  #stream = null;
  /** @type {() => void} */
  #resign = () => {};

  /**
   * @param {string} url
   * @param {import("./deduplicator.js").Inbox} inbox
   * @param {() => void} fail called if this way turns out to lead nowhere
   */
  constructor(url, inbox, fail) {
    this.url = url;
    this.inbox = inbox;
    this.fail = fail;
    this.name = `${import.meta.url} ${url}`; // another version's tabs speak otherwise
    this.channel = new BroadcastChannel(this.name);
    this.channel.onmessage = ({ data }) => this.#hear(data);
    this.#stand({ signal: this.#queue.signal });
    this.#post({ join: { from: this.#me, last: inbox.last } });
  }

  renew() {
    if (this.#stream) {
      this.#stream.renew();
      return;
    }
    this.#post({ renew: { from: this.#me } });
    const patience = PATIENCE * (1 + Math.random()); // so that not all tabs lose it at once
    this.#timer ||= setTimeout(() => this.#depose(), patience);
  }

  close() {
    this.#isOver = true;
    this.#answered();
    this.#queue.abort();
    this.#stepDown();
    this.channel.close();
  }

  /** @param {LockOptions} options */
  #stand(options) {
    const { signal } = this.#queue;
    navigator.locks
      .request(this.name, options, () => this.#lead())
      .catch((error) => signal.aborted || this.#lostTheLock(error));
  }

  /** @returns {Promise<void> | void} resolved when this tab leads no longer */
  #lead() {
    if (this.#isOver) return;
    const { last } = this.inbox;
    this.#answered();
    this.#stream = new SharedStream(this.url);
    this.#post({ lead: { last } });
    this.#stream.join(remote((call) => this.#post({ call })), last);
    this.#stream.join(this.inbox, last);
    return new Promise((resolve) => (this.#resign = resolve));
  }

  #stepDown() {
    this.#stream?.close();
    this.#stream = null;
    this.#resign();
  }

  /** A leader that does not answer, frozen perhaps, is one no longer. */
  #depose() {
    this.#answered();
    this.#queue.abort();
    this.#queue = new AbortController();
    this.#stand({ steal: true });
  }

  /** @param {unknown} error */
  #lostTheLock(error) {
    this.#stepDown();
    const isTaken = error instanceof DOMException && error.name === "AbortError";
    if (isTaken) this.#stand({ signal: this.#queue.signal });
    else this.fail();
  }

  /** @param {Said} said */
  #hear({ to, call, lead, join, renew }) {
    if (to && to !== this.#me) return;
    if (join || renew) {
      this.#serve(join, renew);
      return;
    }
    this.#answered();
    if (call) deliver(this.inbox, call);
    if (lead) this.#follow(lead.last);
  }

  /**
   * @param {Said["join"]} join
   * @param {Said["renew"]} renew
   */
  #serve(join, renew) {
    const stream = this.#stream;
    if (!stream) return;
    if (join) stream.greet(remote((call) => this.#post({ to: join.from, call })), join.last);
    if (renew) {
      this.#post({ to: renew.from, here: true });
      stream.renew();
    }
  }

  /** @param {number | null} begin after which tick the new leader goes on */
  #follow(begin) {
    const { last } = this.inbox;
    const wouldLose = last !== null && (begin === null || last < begin);
    if (wouldLose) this.#post({ join: { from: this.#me, last } });
  }

  #answered() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  /** @param {Said} said */
  #post(said) {
    if (!this.#isOver) this.channel.postMessage(said);
  }
}
