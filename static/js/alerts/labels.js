/** What is said about alerts. Pure: no DOM. */

import { clock, exact } from "../lib/format.js";
import { priceFor } from "./rules.js";

/**
 * @typedef {import("./rules.js").Alert} Alert
 * @typedef {import("./rules.js").Firing} Firing
 * @typedef {import("../lib/market.js").Tick} Tick
 */

const MOVES = { above: "rose above", below: "fell below" };

/**
 * An amount with all its digits: one that was rounded would seem to be another.
 *
 * @param {number} value
 * @param {string} code of its currency
 */
export function amount(value, code) {
  return exact(String(value), { code, symbol: "", cents: 2 });
}

/** @param {Alert} alert */
export function described({ name, side, limit, currency }) {
  return `${name} ${side} ${amount(limit, currency)}`;
}

/**
 * True whenever it is read, also after a sleep.
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
 * How an alert is doing.
 *
 * @param {Alert} alert
 * @param {Tick | null} tick the newest
 * @param {number} [now]
 */
export function standing(alert, tick, now = Date.now()) {
  const { side, met, fired } = alert;
  const told = fired === null ? "" : ` Last told at ${clock(fired, now)}.`;
  if (tick && priceFor(alert, tick) === undefined) return `Not followed now.${told}`;
  if (!met) return `Waiting.${told}`;
  return side === "above"
    ? `Above it now; tells again after it has fallen back.${told}`
    : `Below it now; tells again after it has risen back.${told}`;
}

/**
 * What is said when an alert has been set.
 *
 * @param {Alert} alert
 */
export function confirmed(alert) {
  const { name, side, met } = alert;
  if (!met) return `Set: ${described(alert)}.`;
  const way = side === "above" ? "rises above it" : "falls below it";
  return `Set. ${name} is ${side} ${amount(alert.limit, alert.currency)} already: you are told the next time it ${way}.`;
}
