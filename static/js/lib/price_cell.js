/**
 * A price with its direction: an arrow to look at, and a word for screen readers.
 * Its title is of `live/origins.js`.
 */

import { one, setData, setText } from "./dom.js";
import { price, spoken, UNKNOWN } from "./format.js";

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
  const amount = one("[data-amount]", HTMLElement, cell);
  const words = quote ? spoken(quote, currency) : "";
  setText(amount, quote ? price(quote.price, currency) : UNKNOWN);
  amount.ariaHidden = words ? "true" : null; // "0.0₁₀126" would be read as it stands
  setText(one("[data-spoken]", HTMLElement, cell), quote ? `${words} ${SPOKEN[direction]}`.trim() : "");
}
