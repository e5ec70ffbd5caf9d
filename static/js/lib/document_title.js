/** The tab's title. Pure: no DOM. */

import { price } from "./format.js";

/**
 * @param {import("./market.js").Quote} quote
 * @param {import("./format.js").Currency} currency
 * @param {string} prefix before the price; may be empty
 */
export function documentTitle(quote, currency, prefix) {
  const text = `${prefix} ${price(quote.price, currency)}`.trim();
  return `${text} ${quote.symbol.toUpperCase()} · Crypto Tracker`;
}
