/**
 * When an alert fires: at the tick that takes the price above, or below, the limit.
 * The price must return before the alert can fire again. A price at the limit is
 * neither above nor below.
 *
 * It fires once a minute at most: a price that trembles around the limit would
 * fire at every other tick.
 *
 * A gap in the data is no crossing: each price is compared with the last known one.
 * Pure: no DOM, no storage, no clock.
 *
 * @typedef {import("../lib/market.js").Tick} Tick
 *
 * @typedef {"above" | "below"} Side
 *
 * @typedef {object} Alert
 * @property {string} id
 * @property {string} coin
 * @property {string} name the coin's, for when it is no longer followed
 * @property {Side} side
 * @property {number} limit
 * @property {string} currency the limit's; prices in another one are ignored
 * @property {boolean} met whether the last known price was on that side
 * @property {number | null} fired when it last did, the tick's unix ms
 *
 * @typedef {object} Firing
 * @property {Alert} alert
 * @property {number} price
 * @property {number} at unix ms
 */

const PAUSE_MS = 60_000; // after an alert has fired

/**
 * @param {Side} side
 * @param {number} limit
 * @param {number} price
 */
export function isMet(side, limit, price) {
  return side === "above" ? price > limit : price < limit;
}

/**
 * The price to compare with an alert's limit, if the tick has one.
 *
 * @param {Pick<Alert, "coin" | "currency">} alert
 * @param {Tick} tick
 * @returns {number | undefined}
 */
export function priceFor({ coin, currency }, tick) {
  if (tick.currency !== currency) return undefined;
  return tick.quotes.find((quote) => quote.id === coin)?.price;
}

/**
 * Apply a tick to all alerts. To be called with every tick once, in order. Alerts
 * that do not change are returned as the same objects.
 *
 * @param {Alert[]} alerts
 * @param {Tick} tick
 * @returns {{alerts: Alert[], firings: Firing[]}}
 */
export function judge(alerts, tick) {
  /** @type {Firing[]} */
  const firings = [];
  const judged = alerts.map((alert) => {
    const price = priceFor(alert, tick);
    if (price === undefined) return alert;
    const met = isMet(alert.side, alert.limit, price);
    if (met === alert.met) return alert;
    const since = tick.id - (alert.fired ?? -Infinity); // negative where ids began anew
    if (!met || (since >= 0 && since < PAUSE_MS)) return { ...alert, met };
    const fired = { ...alert, met, fired: tick.id };
    firings.push({ alert: fired, price, at: tick.id });
    return fired;
  });
  return { alerts: judged, firings };
}

/**
 * Whether a stored value is an alert: it may be anything.
 *
 * @param {any} it
 */
export function isAlert(it) {
  return (
    typeof it === "object" &&
    it !== null &&
    [it.id, it.coin, it.name, it.currency].every((text) => typeof text === "string") &&
    ["above", "below"].includes(it.side) &&
    Number.isFinite(it.limit) &&
    it.limit > 0 &&
    typeof it.met === "boolean" &&
    (it.fired === null || Number.isFinite(it.fired))
  );
}

/** @param {any} it */
export function isFiring(it) {
  return isAlert(it?.alert) && Number.isFinite(it.price) && Number.isFinite(it.at);
}
