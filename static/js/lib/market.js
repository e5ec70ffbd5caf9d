/**
 * The types of the stream's events, and reading them. Pure: no DOM.
 *
 * @typedef {"up" | "down" | "same"} Direction against the same coin in the tick before
 *
 * @typedef {object} Quote
 * @property {string} id
 * @property {number | null} rank
 * @property {string} symbol
 * @property {string} name
 * @property {string | null} image
 * @property {number} price
 * @property {string} price_digits the price's text, every digit as sent
 * @property {Direction} direction
 * @property {number | null} change_1h percent
 * @property {number | null} change_24h percent
 * @property {number | null} change_7d percent
 * @property {number | null} market_cap
 * @property {string | null} market_cap_digits
 * @property {number | null} volume_24h
 * @property {string | null} volume_24h_digits
 * @property {number | null} high_24h
 * @property {string | null} high_24h_digits
 * @property {number | null} low_24h
 * @property {string | null} low_24h_digits
 * @property {string | null} updated_at ISO 8601, the source's
 * @property {string[]} venues exchanges that the price is the median of
 *
 * @typedef {object} Tick
 * @property {number} id its time in unix milliseconds
 * @property {string} at the same in ISO 8601
 * @property {string} currency
 * @property {string} source
 * @property {Quote[]} quotes
 *
 * @typedef {object} Status of the server's own prices; times in ISO 8601
 * @property {"live" | "stale" | "offline" | "starting"} state
 * @property {string | null} since
 * @property {string | null} reason
 * @property {string | null} next_attempt_at
 * @property {{name: string, ok: boolean, since: string | null, reason: string | null}[]} sources
 * @property {number | null} top how many coins are followed by market cap; 0: all are named
 * @property {number | null} [heartbeat_s] seconds of silence after which it is sent again
 */

/** @type {Record<string, string>} */
const NAMES = { coingecko: "CoinGecko", simulated: "Simulated market" };
const EXACT = new Set(["price", "market_cap", "volume_24h", "high_24h", "low_24h"]);

/**
 * Parse a tick, and keep the digits of its amounts beside them: a JavaScript number
 * does not hold them all. Older browsers keep 17 of them.
 *
 * @param {string} text
 * @returns {Tick}
 */
export function parseTick(text) {
  return JSON.parse(text, /** @type {(this: any, key: string, value: any) => any} */ (keepDigits));
}

/**
 * A reviver of `JSON.parse`, which calls it with the object that holds the key as `this`.
 *
 * @this {any}
 * @param {string} key
 * @param {unknown} value
 * @param {{source?: string}} [context]
 */
function keepDigits(key, value, context) {
  if (EXACT.has(key)) {
    this[`${key}_digits`] = value === null ? null : (context?.source ?? String(value));
  }
  return value;
}

/**
 * The quotes by rank; those without one last, in the order they came.
 *
 * @param {Quote[]} quotes
 */
export function byRank(quotes) {
  return [...quotes].sort((one, other) => (one.rank ?? Infinity) - (other.rank ?? Infinity) || 0);
}

/**
 * The name that people know of a source or an exchange.
 *
 * @param {string} word as in the events
 */
export function sourceName(word) {
  return NAMES[word] ?? word.charAt(0).toUpperCase() + word.slice(1);
}

/**
 * Where a price comes from: "Median of Bitstamp and Kraken".
 *
 * @param {string[] | undefined} venues of the quote; ticks of before 1.2 had none
 * @param {string} source of the tick
 */
export function origin(venues, source) {
  const names = (venues?.length ? venues : [source]).map(sourceName);
  const last = names.pop() ?? "";
  return names.length ? `Median of ${names.join(", ")} and ${last}` : last;
}
