/** What the tab says of the page while another one is looked at: its title, and its icon. */

import { one, setAttribute } from "../lib/dom.js";
import { price } from "../lib/format.js";
import { ARROWS } from "../lib/price_cell.js";

const SITE = "Crypto Tracker";
const NOT_LIVE = ["stale", "offline", "reconnecting"];

/**
 * Show a price in the title, or *plain* where there is none. The state comes first
 * where the price is not live, and the arrow is then left out.
 *
 * @param {string} state
 * @param {import("../lib/market.js").Quote | undefined} quote
 * @param {import("../lib/format.js").Currency | undefined} currency
 * @param {string} plain
 */
export function showTitle(state, quote, currency, plain) {
  const words = [
    NOT_LIVE.includes(state) ? `(${state})` : "",
    quote && currency && state === "live" ? ARROWS[quote.direction] : "",
    quote && currency ? `${price(quote.price, currency)} ${quote.symbol.toUpperCase()} · ${SITE}` : plain,
  ];
  const title = words.filter(Boolean).join(" ");
  if (document.title !== title) document.title = title;
}

/**
 * The icon is grey while prices are not live.
 *
 * @param {import("./status_indicator.js").State} state
 */
export function showFavicon(state) {
  const icon = one("[data-favicon]", HTMLLinkElement);
  const { favicon = "", grey = "" } = icon.dataset;
  setAttribute(icon, "href", NOT_LIVE.includes(state) ? grey : favicon);
}
