/**
 * The reader's alerts in the browser's storage, shared by all tabs.
 *
 * Every tab gets every tick, but only one tab judges it: a lock admits one at a
 * time, and the newest tick judged is stored beside the alerts. Where there are no
 * locks (only secure pages have them), reading and writing without a pause between
 * is nearly as good.
 *
 * Firings that were not shown as notifications are stored too: they wait in every
 * tab until they are dismissed in one.
 */

import { isStored, onChange, read, write } from "../lib/prefs.js";
import { isAlert, isFiring, judge } from "./rules.js";

/**
 * @typedef {import("./rules.js").Alert} Alert
 * @typedef {import("./rules.js").Firing} Firing
 * @typedef {import("../lib/market.js").Tick} Tick
 */

export const MAX_ALERTS = 50; // also of the firings that wait

const ALERTS = "alerts";
const WAITING = "alerts-waiting";
const JUDGED = "alerts-judged"; // the newest tick's id
const MAX_AHEAD_MS = 3_600_000; // how wrong this computer's clock may be

export class AlertStore {
  /** @param {() => void} changed called after each change, of this tab or another */
  constructor(changed) {
    this.changed = changed;
    onChange(ALERTS, changed);
    onChange(WAITING, changed);
  }

  /** @returns {Alert[]} the newest first */
  get alerts() {
    return list(ALERTS, isAlert);
  }

  /** Whether they outlive the page. */
  get areStored() {
    return isStored(ALERTS);
  }

  /** @returns {Firing[]} to be dismissed by the reader, the newest first */
  get waiting() {
    return list(WAITING, isFiring);
  }

  /**
   * Judge a tick, unless another tab has. To be called with each one in order.
   *
   * @param {Tick} tick
   * @param {(firings: Firing[]) => Firing[]} deliver returns those that must wait
   */
  judge(tick, deliver) {
    if (!this.alerts.length) return Promise.resolve();
    return exclusively(() => {
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
   * Judge the next tick whatever its id, because ids have begun anew. Nothing is left to
   * do where another tab has noticed before.
   *
   * @param {number} before the newest tick's id until then
   */
  startOver(before) {
    return exclusively(() => {
      if (judged() >= before) write(JUDGED, 0);
    });
  }

  /**
   * Add an alert that was made after *tick*. False if there are too many.
   *
   * @param {Alert} alert
   * @param {Tick} tick
   * @returns {Promise<boolean>}
   */
  add(alert, tick) {
    return exclusively(() => {
      const { alerts } = this;
      if (alerts.length >= MAX_ALERTS) return false;
      if (tick.id > judged()) write(JUDGED, tick.id);
      write(ALERTS, [alert, ...alerts]);
      this.changed();
      return true;
    });
  }

  /** @param {string} id an alert's */
  remove(id) {
    return exclusively(() => {
      write(ALERTS, this.alerts.filter((alert) => alert.id !== id));
      this.changed();
    });
  }

  /**
   * Let firings wait that could not be shown as notifications.
   *
   * @param {Firing[]} firings
   */
  keep(firings) {
    return exclusively(() => {
      this.#wait(firings);
      this.changed();
    });
  }

  /** @param {Firing[]} firings */
  dismiss(firings) {
    const keys = new Set(firings.map(keyOf));
    return exclusively(() => {
      write(WAITING, this.waiting.filter((firing) => !keys.has(keyOf(firing))));
      this.changed();
    });
  }

  /** @param {Firing[]} firings */
  #wait(firings) {
    if (firings.length) write(WAITING, [...firings.reverse(), ...this.waiting].slice(0, MAX_ALERTS));
  }
}

/**
 * A key that no other firing has.
 *
 * @param {Firing} firing
 */
export function keyOf({ alert, at }) {
  return `${alert.id} ${at}`;
}

/**
 * Run *action* while no other tab does. Where there are no locks, or they are refused
 * (by some private windows, with the storage), it runs at once.
 *
 * @template T
 * @param {() => T} action
 * @returns {Promise<T>}
 */
async function exclusively(action) {
  let hasBegun = false;
  const begin = () => {
    hasBegun = true;
    return action();
  };
  try {
    return await navigator.locks.request("tracker:alerts", begin);
  } catch (error) {
    if (hasBegun) throw error;
    return action();
  }
}

/** The id of the newest tick judged; 0 if it is of the future: ids were ahead of the clock. */
function judged() {
  const id = read(JUDGED, 0, Number.isSafeInteger);
  return id > Date.now() + MAX_AHEAD_MS ? 0 : id;
}

/**
 * @param {string} key
 * @param {(it: unknown) => boolean} accepts
 * @returns {any[]}
 */
function list(key, accepts) {
  return read(key, [], (value) => Array.isArray(value) && value.every(accepts)).slice(0, MAX_ALERTS);
}
