/** The page of one coin: its quote from the stream of all pages, and its chart. */

import { Alerts } from "./alerts/alerts.js";
import { PriceChart } from "./chart/chart.js";
import { DataTable } from "./chart/data_table.js";
import { one, setAttribute, setData, setText, setTitle, show } from "./lib/dom.js";
import { compact, exact, percent, price, trend } from "./lib/format.js";
import { adoptIcon, showIcon } from "./lib/icons.js";
import { showPrice } from "./lib/price_cell.js";
import { LivePage } from "./live/live.js";
import { showTitle } from "./live/tab.js";

/**
 * @typedef {import("./lib/format.js").Currency} Currency
 * @typedef {import("./lib/market.js").Quote} Quote
 * @typedef {import("./lib/market.js").Tick} Tick
 */

const CHANGES = /** @type {const} */ (["change_1h", "change_24h", "change_7d"]);
/** @type {[key: "low_24h" | "high_24h" | "market_cap" | "volume_24h", format: typeof price][]} */
const FACTS = [
  ["low_24h", price],
  ["high_24h", price],
  ["market_cap", compact],
  ["volume_24h", compact],
];

const root = one("[data-live]");
const coin = root.dataset.of ?? "";
const history = one("[data-history]");
const icon = one("[data-icon]");
const ranges = one("[data-ranges]");
/** @type {[Quote, Currency] | null} */
let newest = null;

const alerts = new Alerts(coin);
const page = new LivePage(root, { onTick, render });
const chart = new PriceChart(one("[data-chart]"), {
  url: history.dataset.url ?? "",
  lengths: JSON.parse(ranges.dataset.ranges ?? "{}"),
  currency: page.currencyOf(root.dataset.currency ?? ""),
  staleAfter: Number(root.dataset.staleAfter),
  range: history.dataset.range ?? "",
  onLoad: () => table.show(),
});
const table = new DataTable(one("[data-past]", HTMLDetailsElement), () => chart);

/**
 * @param {Tick} tick
 * @param {Currency} currency
 */
function onTick(tick, currency) {
  alerts.onTick(tick);
  const quote = quoteIn(tick);
  if (quote) follow(tick, quote, currency);
}

/**
 * The part of an update that a hidden tab gets as well.
 *
 * @param {Tick} tick
 * @param {Quote} quote
 * @param {Currency} currency
 */
function follow(tick, quote, currency) {
  chart.currency = currency;
  chart.add(tick.id, quote.price);
  newest = [quote, currency];
  updateTitle();
}

/**
 * @param {Tick} tick
 * @param {Currency} currency
 */
function render(tick, currency) {
  alerts.render(tick, currency);
  const quote = quoteIn(tick);
  show("[data-absent]", !quote);
  if (quote) {
    follow(tick, quote, currency); // the first one came with the page, not by the stream
    showName(quote);
  }
  showPrice(one("[data-price]"), quote, currency);
  showFacts(quote, currency);
  chart.draw();
}

/** @param {Tick} tick */
function quoteIn(tick) {
  return tick.quotes.find(({ id }) => id === coin) ?? null;
}

/** @param {Quote} quote */
function showName({ image, symbol, name, rank }) {
  showIcon(icon, image, symbol);
  setText(one("[data-name]"), name);
  setText(one("[data-ticker]"), symbol.toUpperCase());
  setText(one("[data-rank]"), String(rank ?? ""));
  show("[data-place]", rank !== null);
}

/**
 * @param {Quote | null} quote null shows dashes, for a coin that is no longer followed
 * @param {Currency} currency
 */
function showFacts(quote, currency) {
  for (const key of CHANGES) {
    const element = one(`[data-change=${key}]`);
    setText(element, percent(quote?.[key] ?? null));
    setData(element, "trend", trend(quote?.[key] ?? null));
  }
  for (const [key, format] of FACTS) {
    const element = one(`[data-fact=${key}]`);
    setText(element, format(quote?.[key] ?? null, currency));
    setTitle(element, exact(quote?.[`${key}_digits`] ?? null, currency));
  }
  showSpan(quote);
}

/**
 * Mark the price between the day's lowest and highest.
 *
 * @param {Quote | null} quote
 */
function showSpan(quote) {
  const mark = one("[data-span-mark]", SVGRectElement);
  const { low_24h: low = null, high_24h: high = null, price: amount = 0 } = quote ?? {};
  const isKnown = low !== null && high !== null && high > low;
  mark.toggleAttribute("hidden", !isKnown);
  if (!isKnown) return;
  const part = Math.max(0, Math.min(1, (amount - low) / (high - low)));
  setAttribute(mark, "x", (part * 97.5).toFixed(1)); // of 100, less the mark's width
}

function updateTitle() {
  const [quote, currency] = newest ?? [];
  if (quote) showTitle(root.dataset.state ?? "", quote, currency, "");
}

/**
 * Show another range without another page. Back leads to the page before, and not
 * through all the ranges.
 *
 * @param {MouseEvent} event
 */
function onRangeClick(event) {
  const link = event.target instanceof Element ? event.target.closest("[data-range]") : null;
  const isPlain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (!(link instanceof HTMLAnchorElement) || !isPlain) return;
  event.preventDefault();
  for (const each of ranges.querySelectorAll("[data-range]")) {
    if (each === link) each.setAttribute("aria-current", "true");
    else each.removeAttribute("aria-current");
  }
  const { range = "" } = link.dataset;
  table.setRange(range);
  chart.setRange(range);
  window.history.replaceState(window.history.state, "", link.href);
  show("[data-no-range]", false);
}

adoptIcon(icon, one("[data-ticker]").textContent || (one("[data-name]").textContent ?? ""));
ranges.addEventListener("click", onRangeClick);
new MutationObserver(updateTitle).observe(root, { attributeFilter: ["data-state"] });
const points = history.textContent?.trim();
if (points) chart.show(JSON.parse(points));
else chart.load();
page.start();
