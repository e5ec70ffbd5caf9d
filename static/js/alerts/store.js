/**
 * The reader's alerts, one set for the whole browser, whichever tab they come from.
 *
 * Every tab hears every tick, but only the first to come judges it: a lock lets
 * one in at a time, and the newest tick judged is kept beside the alerts. Where
 * there are no locks (only secure pages have them), what is read and written in one
 * go is nearly as good.
 *
 * What fired and was not yet seen by the reader is kept too, so that it waits in
 * every tab until it is dismissed in one. Knows nothing of how things look.
 */

import { onChange, read, write } from "../lib/prefs.js";
import { isAlert, isFiring, judge } from "./rules.js";

/**
 * @typedef {import("./rules.js").Alert} Alert
 * @typedef {import("./rules.js").Firing} Firing
 * @typedef {import("../lib/market.js").Tick} Tick
 */

export const MOST = 50; // alerts, and things waiting to be seen

const ALERTS = "alerts";
const WAITING = "alerts-waiting";
const JUDGED = "alerts-judged"; // the newest tick's id

export class AlertStore {
  /** @param {() => void} changed called when something here, or in another tab, has changed */
  constructor(changed) {
    this.changed = changed;
    onChange(ALERTS, changed);
    onChange(WAITING, changed);
  }

  /** @returns {Alert[]} the newest first */
  get alerts() {
    return list(ALERTS, isAlert);
  }

  /** @returns {Firing[]} what is to be seen yet, the newest first */
  get waiting() {
    return list(WAITING, isFiring);
  }

  /**
   * Judge a tick, unless another tab has. Ask for each one in order.
   *
   * @param {Tick} tick
   * @param {(firings: Firing[]) => Firing[]} deliver returns those that must wait to be seen
   */
  hear(tick, deliver) {
    if (!this.alerts.length) return Promise.resolve();
    return inTurn(() => {
      if (tick.id <= judged()) return;
      write(JUDGED, tick.id);
      const before = this.alerts;
      const { alerts, firings } = judge(before, tick);
      if (alerts.every((alert, place) => alert === before[place])) return;
      write(ALERTS, alerts);
      this.#wait(firings.length ? deliver(firings) : []);
      this.changed();
    });
  }

  /**
   * Add an alert, of which *tick* is what it was made after. False if there is no room.
   *
   * @param {Alert} alert
   * @param {Tick} tick
   * @returns {Promise<boolean>}
   */
  add(alert, tick) {
    return inTurn(() => {
      const { alerts } = this;
      if (alerts.length >= MOST) return false;
      if (tick.id > judged()) write(JUDGED, tick.id);
      write(ALERTS, [alert, ...alerts]);
      this.changed();
      return true;
    });
  }

  /** @param {string} id an alert's */
  remove(id) {
    return inTurn(() => {
      write(ALERTS, this.alerts.filter((alert) => alert.id !== id));
      this.changed();
    });
  }

  /**
   * Let something wait to be seen that could not be shown otherwise.
   *
   * @param {Firing[]} firings
   */
  keep(firings) {
    return inTurn(() => {
      this.#wait(firings);
      this.changed();
    });
  }

  /**
   * Forget what has been seen.
   *
   * @param {Firing[]} seen
   */
  dismiss(seen) {
    const keys = new Set(seen.map(keyOf));
    return inTurn(() => {
      write(WAITING, this.waiting.filter((firing) => !keys.has(keyOf(firing))));
      this.changed();
    });
  }

  /** @param {Firing[]} firings */
  #wait(firings) {
    if (firings.length) write(WAITING, [...firings.reverse(), ...this.waiting].slice(0, MOST));
  }
}

/**
 * What tells one firing from all others.
 *
 * @param {Firing} firing
 */
export function keyOf({ alert, at }) {
  return `${alert.id} ${at}`;
}

/**
 * Do something while no other tab does. Where the lock is refused (with the storage,
 * by some private windows), or there is none, it is done at once.
 *
 * @template T
 * @param {() => T} action
 * @returns {Promise<T>}
 */
async function inTurn(action) {
  let begun = false;
  const begin = () => {
    begun = true;
    return action();
  };
  try {
    return await navigator.locks.request("tracker:alerts", begin);
  } catch (error) {
    if (begun) throw error;
    return action();
  }
}

function judged() {
  return read(JUDGED, 0, Number.isSafeInteger);
}

/**
 * @param {string} key
 * @param {(it: unknown) => boolean} accepts
 * @returns {any[]}
 */
function list(key, accepts) {
  return read(key, [], (value) => Array.isArray(value) && value.every(accepts)).slice(0, MOST);
}
