/** The page of all coins. */

import { Alerts } from "./alerts/alerts.js";
import { one, setText, show } from "./lib/dom.js";
import { LivePage } from "./live/live.js";
import { showTitle } from "./live/tab.js";
import { Announcer } from "./table/announcer.js";
import { heading } from "./table/heading.js";
import { describe, topFavorite } from "./table/order.js";
import { Preferences } from "./table/preferences.js";
import { Search } from "./table/search.js";
import { Sorting } from "./table/sorting.js";
import { SparklineLoader } from "./table/sparkline_loader.js";
import { CoinTable } from "./table/table.js";

/** @typedef {import("./lib/market.js").Tick} Tick */

const alerts = new Alerts();
const plainTitle = document.title;
const root = one("[data-live]");
const body = one("[data-rows]");
const table = new CoinTable(body, one("[data-row-template]", HTMLTemplateElement));
const announcer = new Announcer(one("[data-announcer]"));
const historyUrl = one("[data-table]").dataset.history ?? "";
const sparklines = new SparklineLoader(historyUrl, (lines) => table.showSparklines(lines));

const preferences = new Preferences(() => {
  table.sort(preferences.order, preferences.favorites);
  sorting.show(preferences.order);
  updateTitle();
});

const sorting = new Sorting(root, preferences.order, (order) => {
  preferences.sortBy(order);
  announcer.announce(`Sorted by ${describe(order)}.`);
});

const search = new Search(one("[data-search]", HTMLInputElement), (needle) => {
  announcer.announceAfterPause(showFound(needle));
});

body.addEventListener("click", ({ target }) => {
  const star = target instanceof Element ? target.closest("[data-star]") : null;
  const row = star?.closest("[data-coin]");
  if (!(row instanceof HTMLElement)) return;
  const isFavorite = preferences.toggleFavorite(row.dataset.coin ?? "");
  const name = row.querySelector("[data-name]")?.textContent;
  announcer.announce(`${name} is ${isFavorite ? "now" : "no longer"} a favorite.`);
});

one("[data-search-clear]").addEventListener("click", () => {
  search.clear();
  search.box.focus();
});

/** @type {[Tick, import("./lib/format.js").Currency] | null} the newest, rendered or not */
let newest = null;

/** The tab's title has the top favorite's price, also while the page is hidden. */
function updateTitle() {
  const [tick, currency] = newest ?? [];
  const quote = topFavorite(tick?.quotes ?? [], preferences);
  showTitle(root.dataset.state ?? "", quote, currency, plainTitle);
}

/**
 * @param {string} needle
 * @returns {string} how many coins were found, as a text
 */
function showFound(needle) {
  const found = table.search(needle);
  const text = `${found} of ${table.quotes.length} coins`;
  setText(one("[data-count]"), needle ? text : "");
  setText(one("[data-needle]"), search.box.value.trim());
  show("[data-nothing]", found === 0 && needle !== "");
  return needle ? text : `All ${found} coins`;
}

table.sort(preferences.order, preferences.favorites);

new MutationObserver(updateTitle).observe(root, { attributeFilter: ["data-state"] });

const page = new LivePage(root, {
  onTick(tick, currency) {
    alerts.onTick(tick);
    newest = [tick, currency];
    updateTitle();
  },
  render(tick, currency) {
    alerts.render(tick, currency);
    newest ??= [tick, currency];
    table.show(tick.quotes, currency);
    showFound(search.needle);
    const title = one("[data-heading]");
    const top = page.status?.top ?? Number(title.dataset.top); // settings may have changed since
    if (tick.quotes.length) setText(title, heading(top, tick.quotes.length));
    show("[data-table], [data-controls]", tick.quotes.length > 0);
    show("[data-empty]", tick.quotes.length === 0);
    setText(one("[data-code]"), tick.currency.toUpperCase());
    updateTitle();
    setTimeout(() => sparklines.refresh(tick.quotes.length)); // after the prices
  },
});
page.start();
