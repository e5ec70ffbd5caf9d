/** The texts of alerts. Pure: no DOM. */

import { clock, exact } from "../lib/format.js";
import { priceFor } from "./rules.js";

/**
 * @typedef {import("./rules.js").Alert} Alert
 * @typedef {import("./rules.js").Firing} Firing
 */

const MOVES = { above: "rose above", below: "fell below" };

/**
 * An amount with all its digits: a rounded limit would seem to be another one.
 *
 * @param {number} value
 * @param {string} code of its currency
 */
export function amount(value, code) {
  return exact(String(value), { code, symbol: "", cents: 2 });
}

/** @param {Alert} alert */
export function description({ name, side, limit, currency }) {
  return `${name} ${side} ${amount(limit, currency)}`;
}

/**
 * The title of a firing: true whenever it is read, also much later.
 *
 * @param {Firing} firing
 */
export function headline({ alert: { name, side, limit, currency } }) {
  return `${name} ${MOVES[side]} ${amount(limit, currency)}`;
}

/**
 * @param {Firing} firing
 * @param {number} [now]
 */
export function detail({ alert, price, at }, now = Date.now()) {
  return `It was ${amount(price, alert.currency)} at ${clock(at, now)}.`;
}

/**
 * The state of an alert.
 *
 * @param {Alert} alert
 * @param {import("../lib/market.js").Tick | null} tick the newest
 * @param {number} [now]
 */
export function standing(alert, tick, now = Date.now()) {
  const { side, met, fired } = alert;
  const last = fired === null ? "" : ` Last fired at ${clock(fired, now)}.`;
  if (tick && priceFor(alert, tick) === undefined) return `Not followed now.${last}`;
  if (!met) return `Waiting.${last}`;
  return side === "above"
    ? `Above it now; fires again after it has fallen back.${last}`
    : `Below it now; fires again after it has risen back.${last}`;
}

/**
 * The message after an alert was set.
 *
 * @param {Alert} alert
 */
export function confirmation(alert) {
  const { name, side, met } = alert;
  if (!met) return `Set: ${description(alert)}.`;
  const way = side === "above" ? "rises above it" : "falls below it";
  return `Set. ${name} is ${side} ${amount(alert.limit, alert.currency)} already: the alert fires the next time it ${way}.`;
}
