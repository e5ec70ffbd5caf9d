/** The embedded page: a few coins' prices, in rows without charts, buttons or choices. */

import { one, setData, setText, setTitle, show } from "./lib/dom.js";
import { exact, percent, price, trend } from "./lib/format.js";
import { LivePage } from "./live/live.js";
import { byRank } from "./lib/market.js";

/**
 * @typedef {import("./lib/format.js").Currency} Currency
 * @typedef {import("./lib/market.js").Quote} Quote
 */

const ARROWS = { up: "▲", down: "▼", same: "" };
const SPOKEN = { up: "up", down: "down", same: "unchanged" };

const list = one("[data-rows]");
const blank = one("[data-row-template]", HTMLTemplateElement);

/**
 * The coin's row: that which is there, or a new one.
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
 * @param {Quote} quote
 * @param {Currency} currency
 */
function fill(row, quote, currency) {
  const cell = (/** @type {string} */ hook) => one(hook, HTMLElement, row);
  setText(cell("[data-name]"), quote.name);
  setText(cell("[data-symbol]"), quote.symbol.toUpperCase());
  setText(cell("[data-arrow]"), ARROWS[quote.direction]);
  setText(cell("[data-amount]"), price(quote.price, currency));
  setText(cell("[data-spoken]"), SPOKEN[quote.direction]);
  setData(cell("[data-field=price]"), "direction", quote.direction);
  setTitle(cell("[data-field=price]"), exact(quote.price_digits, currency));
  setText(cell("[data-field=change_24h]"), percent(quote.change_24h));
  setData(cell("[data-field=change_24h]"), "trend", trend(quote.change_24h));
}

new LivePage(one("[data-live]"), {
  paint({ quotes }, currency) {
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
