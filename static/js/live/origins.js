/**
 * Where prices come from and how old they are: in their titles, on a coin's page also below.
 * One that nothing has renewed for an hour is marked.
 */

import { setData, setText, setTitle } from "../lib/dom.js";
import { ago, exact } from "../lib/format.js";
import { origin } from "../lib/market.js";

const OLD_AFTER_MS = 3_600_000; // as `is_old` of the server's

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
    const ageMs = at === null ? 0 : now - Date.parse(at);
    const age = at === null ? "" : `, ${ago(ageMs)}`;
    setData(/** @type {HTMLElement} */ (cell), "old", String(ageMs > OLD_AFTER_MS));
    const text = quote ? origin(venues, tick.source) + age : "";
    const digits = exact(quote?.price_digits ?? null, currency);
    setTitle(/** @type {HTMLElement} */ (cell), `${digits}\n${text}`.trim());
    const line = cell.parentElement?.querySelector("[data-origin]");
    if (line) setText(line, text);
  }
}
