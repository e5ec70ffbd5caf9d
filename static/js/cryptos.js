/** The page of all coins. */

import { Alerts } from "./alerts/alerts.js";
import { one, setText, show } from "./lib/dom.js";
import { LivePage } from "./live/live.js";
import { Choices } from "./table/preferences.js";
import { headline } from "./table/document_title.js";
import { inWords } from "./table/order.js";
import { Search } from "./table/search.js";
import { Sorting } from "./table/sorting.js";
import { CoinTable } from "./table/table.js";
import { Voice } from "./table/announcer.js";
import { Week } from "./table/sparkline_loader.js";

/**
 * @typedef {import("./lib/format.js").Currency} Currency
 * @typedef {import("./lib/market.js").Tick} Tick
 */

const alerts = new Alerts();
const plainTitle = document.title;
const root = one("[data-live]");
const body = one("[data-rows]");
const table = new CoinTable(body, one("[data-row-template]", HTMLTemplateElement));
const voice = new Voice(one("[data-voice]"));
const week = new Week(one("[data-table]").dataset.history ?? "", (lines) => table.draw(lines));

const choices = new Choices(() => {
  table.sort(choices.order, choices.favorites);
  sorting.show(choices.order);
  showTitle();
});

const sorting = new Sorting(root, choices.order, (order) => {
  choices.sortBy(order);
  voice.say(`Sorted by ${inWords(order)}.`);
});

const search = new Search(one("[data-search]", HTMLInputElement), (needle) => {
  const words = showFound(needle);
  voice.sayInAPause(words);
});

body.addEventListener("click", ({ target }) => {
  const star = target instanceof Element ? target.closest("[data-star]") : null;
  const row = star?.closest("[data-coin]");
  if (!(row instanceof HTMLElement)) return;
  const isFavorite = choices.toggle(row.dataset.coin ?? "");
  const name = row.querySelector("[data-name]")?.textContent;
  voice.say(`${name} is ${isFavorite ? "now" : "no longer"} a favorite.`);
});

one("[data-search-clear]").addEventListener("click", () => {
  search.clear();
  search.box.focus();
});

/** @type {[Tick, Currency] | null} the newest, seen or not */
let newest = null;

/** The tab shows the favorite's price, also while the page is hidden. */
function showTitle() {
  const title = newest && headline(newest[0].quotes, newest[1], choices);
  if (document.title !== (title ?? plainTitle)) document.title = title ?? plainTitle;
}

/**
 * @param {string} needle
 * @returns {string} how many coins were found, in words
 */
function showFound(needle) {
  const found = table.search(needle);
  const words = `${found} of ${table.quotes.length} coins`;
  setText(one("[data-count]"), needle ? words : "");
  setText(one("[data-needle]"), search.box.value.trim());
  show("[data-nothing]", found === 0 && needle !== "");
  return needle ? words : `All ${found} coins`;
}

table.sort(choices.order, choices.favorites);

new LivePage(root, {
  hear(tick, currency) {
    alerts.hear(tick);
    newest = [tick, currency];
    showTitle();
  },
  paint(tick, currency) {
    alerts.paint(tick, currency);
    newest ??= [tick, currency];
    table.show(tick.quotes, currency);
    showFound(search.needle);
    show("[data-table], [data-controls]", tick.quotes.length > 0);
    show("[data-empty]", tick.quotes.length === 0);
    setText(one("[data-code]"), tick.currency.toUpperCase());
    showTitle();
    setTimeout(() => week.look(tick.quotes.length)); // after the prices
  },
}).start();
