/**
 * A price with its direction: an arrow to look at, and a word for screen readers.
 * Its title is of `live/origins.js`.
 */

import { one, setData, setText } from "./dom.js";
import { price, UNKNOWN } from "./format.js";

/** @type {Record<import("./market.js").Direction, string>} */
export const ARROWS = JSON.parse(one("[data-live]").dataset.arrows ?? "{}");

const SPOKEN = { up: "up", down: "down", same: "unchanged" };

/**
 * @param {HTMLElement} cell
 * @param {import("./market.js").Quote | null} quote
 * @param {import("./format.js").Currency} currency
 */
export function showPrice(cell, quote, currency) {
  const direction = quote?.direction ?? "same";
  setData(cell, "direction", direction);
  setText(one("[data-arrow]", HTMLElement, cell), ARROWS[direction]);
  setText(one("[data-amount]", HTMLElement, cell), quote ? price(quote.price, currency) : UNKNOWN);
  setText(one("[data-spoken]", HTMLElement, cell), quote ? SPOKEN[direction] : "");
}
