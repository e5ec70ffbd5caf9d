/**
 * When an alert fires: at the tick with which the price comes to be above, or
 * below, the limit. It must leave that side before the alert can fire again.
 * Strictly above and below: a price at the limit is on neither side.
 *
 * A gap in the data is no crossing: what counts is the last price that was heard.
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
 * @property {string} currency the limit's; in another one nothing is compared
 * @property {boolean} met whether the last price heard was on that side
 * @property {number | null} fired when it last did, the tick's unix ms
 *
 * @typedef {object} Firing
 * @property {Alert} alert
 * @property {number} price
 * @property {number} at unix ms
 */

/**
 * @param {Side} side
 * @param {number} limit
 * @param {number} price
 */
export function isMet(side, limit, price) {
  return side === "above" ? price > limit : price < limit;
}

/**
 * The price that counts for an alert, if the tick has one.
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
 * What one tick means for all alerts. To be asked for every tick once, in order.
 * Alerts that stay as they were are returned as they are.
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
    if (!met) return { ...alert, met };
    const fired = { ...alert, met, fired: tick.id };
    firings.push({ alert: fired, price, at: tick.id });
    return fired;
  });
  return { alerts: judged, firings };
}

/**
 * Whether something that was stored is an alert: it may be anybody's.
 *
 * @param {any} it
 */
export function isAlert(it) {
  return (
    typeof it === "object" &&
    it !== null &&
    [it.id, it.coin, it.name, it.currency].every((text) => typeof text === "string") &&
    (it.side === "above" || it.side === "below") &&
    Number.isFinite(it.limit) &&
    it.limit > 0 &&
    typeof it.met === "boolean" &&
    (it.fired === null || Number.isFinite(it.fired))
  );
}

/**
 * @param {any} it
 */
export function isFiring(it) {
  return (
    typeof it === "object" &&
    it !== null &&
    isAlert(it.alert) &&
    Number.isFinite(it.price) &&
    Number.isFinite(it.at)
  );
}
