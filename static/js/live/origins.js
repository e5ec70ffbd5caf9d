/** Where prices come from and how old they are: in their titles, on a coin's page also below. */

import { setText, setTitle } from "../lib/dom.js";
import { ago, exact } from "../lib/format.js";
import { origin } from "../lib/market.js";

export const PRICE = "[data-direction]";

/**
 * @param {Iterable<Element>} cells prices
 * @param {import("../lib/market.js").Tick} tick
 * @param {import("../lib/format.js").Currency} currency
 * @param {number} now unix ms, by the server's clock
 */
export function showOrigins(cells, tick, currency, now) {
  const quotes = new Map(tick.quotes.map((quote) => [quote.id, quote]));
  for (const cell of cells) {
    const of = /** @type {HTMLElement} */ (cell.closest("[data-coin], [data-of]")).dataset;
    const quote = quotes.get(of.coin ?? of.of ?? "");
    const { venues, updated_at: at = null } = quote ?? {};
    const age = at === null ? "" : `, ${ago(now - Date.parse(at))}`;
    const text = quote ? origin(venues, tick.source) + age : "";
    const digits = exact(quote?.price_digits ?? null, currency);
    setTitle(/** @type {HTMLElement} */ (cell), `${digits}\n${text}`.trim());
    const line = cell.parentElement?.querySelector("[data-origin]");
    if (line) setText(line, text);
  }
}
