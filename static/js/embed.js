/** The embedded page: a few coins' prices, in rows without charts, buttons or choices. */

import { one, setData, setText, show } from "./lib/dom.js";
import { percent, trend } from "./lib/format.js";
import { byRank } from "./lib/market.js";
import { showPrice } from "./lib/price_cell.js";
import { LivePage } from "./live/live.js";

const list = one("[data-rows]");
const blank = one("[data-row-template]", HTMLTemplateElement);

/**
 * The coin's row: the one on the page, or a new one.
 *
 * @param {string} id
 */
function rowOf(id) {
  for (const row of list.children) {
    if (row instanceof HTMLElement && row.dataset.coin === id) return row;
  }
  const row = /** @type {HTMLElement} */ (blank.content.firstElementChild?.cloneNode(true));
  row.dataset.coin = id;
  return row;
}

/**
 * @param {HTMLElement} row
 * @param {import("./lib/market.js").Quote} quote
 * @param {import("./lib/format.js").Currency} currency
 */
function fill(row, quote, currency) {
  const cell = (/** @type {string} */ hook) => one(hook, HTMLElement, row);
  setText(cell("[data-name]"), quote.name);
  setText(cell("[data-symbol]"), quote.symbol.toUpperCase());
  showPrice(cell("[data-field=price]"), quote, currency);
  setText(cell("[data-field=change_24h]"), percent(quote.change_24h));
  setData(cell("[data-field=change_24h]"), "trend", trend(quote.change_24h));
}

new LivePage(one("[data-live]"), {
  render({ quotes }, currency) {
    const rows = byRank(quotes).map((quote) => {
      const row = rowOf(quote.id);
      fill(row, quote, currency);
      return row;
    });
    const isSame = rows.every((row, at) => row === list.children[at]);
    if (!isSame || rows.length !== list.children.length) list.replaceChildren(...rows);
    show("[data-empty]", rows.length === 0);
  },
}).start();
