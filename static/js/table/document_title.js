/** The tab's title: the topmost favorite's price. Pure: no DOM. */

import { price } from "../lib/format.js";
import { sorted } from "./order.js";

/**
 * @typedef {import("../lib/format.js").Currency} Currency
 * @typedef {import("../lib/market.js").Quote} Quote
 * @typedef {import("./order.js").Order} Order
 */

const ARROWS = { up: "▲ ", down: "▼ ", same: "" };
const SITE = "Crypto Tracker";

/**
 * @param {readonly Quote[]} quotes
 * @param {Currency} currency
 * @param {{order: Order, favorites: ReadonlySet<string>}} choices
 * @returns {string | null} null without a favorite among the quotes
 */
export function headline(quotes, currency, { order, favorites }) {
  const known = quotes.filter(({ id }) => favorites.has(id));
  const [first] = sorted(known, order, favorites);
  if (!first) return null;
  const amount = price(first.price, currency);
  return `${ARROWS[first.direction]}${amount} ${first.symbol.toUpperCase()} · ${SITE}`;
}
