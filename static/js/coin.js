/** The page of one coin: its quote from the stream that all pages share, and its chart. */

import { Alerts } from "./alerts/alerts.js";
import { PriceChart } from "./chart/chart.js";
import { PastTable } from "./chart/data_table.js";
import { RANGES } from "./chart/series.js";
import { one, setData, setText, setTitle, show } from "./lib/dom.js";
import { big, exact, percent, price, trend, UNKNOWN } from "./lib/format.js";
import { adoptIcon, showIcon } from "./lib/icons.js";
import { LivePage } from "./live/live.js";
import { showTime } from "./lib/times.js";

/**
 * @typedef {import("./lib/format.js").Currency} Currency
 * @typedef {import("./lib/market.js").Quote} Quote
 * @typedef {import("./lib/market.js").Tick} Tick
 * @typedef {import("./chart/series.js").Range} Range
 */

const ARROWS = { up: "▲", down: "▼", same: "" };
const SPOKEN = { up: "up", down: "down", same: "unchanged" };
const OLD = ["stale", "offline", "reconnecting"];

const root = one("[data-live]");
const coin = root.dataset.of ?? "";
const history = one("[data-history]");
const icon = one("[data-icon]");
/** @type {{quote: Quote, currency: Currency} | null} the newest */
let known = null;

const alerts = new Alerts(coin);
const page = new LivePage(root, { hear, paint });
const chart = new PriceChart(one("[data-chart]"), {
  url: history.dataset.url ?? "",
  currency: page.currencyOf(/** @type {Tick} */ ({ currency: root.dataset.currency })),
  staleAfter: Number(root.dataset.staleAfter),
  range: /** @type {Range} */ (history.dataset.range),
  onLoad: () => table.show(),
});
const table = new PastTable(one("[data-past]", HTMLDetailsElement), () => chart);

/**
 * @param {Tick} tick
 * @param {Currency} currency
 */
function hear(tick, currency) {
  alerts.hear(tick);
  const quote = quoteIn(tick);
  if (quote) follow(tick, quote, currency);
}

/**
 * What goes on in a hidden tab as well.
 *
 * @param {Tick} tick
 * @param {Quote} quote
 * @param {Currency} currency
 */
function follow(tick, quote, currency) {
  chart.currency = currency;
  chart.add(tick.id, quote.price);
  showTitle(quote, currency);
}

/**
 * @param {Tick} tick
 * @param {Currency} currency
 */
function paint(tick, currency) {
  alerts.paint(tick, currency);
  const quote = quoteIn(tick);
  show("[data-absent]", !quote);
  if (quote) {
    follow(tick, quote, currency); // the first one came with the page and was not heard
    showName(quote);
    showPrice(quote, currency);
  }
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
 * @param {Quote} quote
 * @param {Currency} currency
 */
function showPrice({ direction, price: amount, price_digits: digits }, currency) {
  setData(one("[data-quote]"), "direction", direction);
  setText(one("[data-arrow]"), ARROWS[direction]);
  setText(one("[data-amount]"), price(amount, currency));
  setText(one("[data-spoken]"), SPOKEN[direction]);
  setTitle(one("[data-price]"), exact(digits, currency));
}

/**
 * What else is known; dashes for a coin that is not followed now.
 *
 * @param {Quote | null} quote
 * @param {Currency} currency
 */
function showFacts(quote, currency) {
  if (!quote) {
    setText(one("[data-amount]"), UNKNOWN);
    setText(one("[data-arrow]"), "");
    setText(one("[data-spoken]"), "");
    setTitle(one("[data-price]"), "");
    setData(one("[data-quote]"), "direction", "same");
  }
  for (const key of /** @type {const} */ (["change_1h", "change_24h", "change_7d"])) {
    const element = one(`[data-change=${key}]`);
    setText(element, percent(quote?.[key] ?? null));
    setData(element, "trend", trend(quote?.[key] ?? null));
  }
  for (const key of /** @type {const} */ (["low_24h", "high_24h", "market_cap", "volume_24h"])) {
    const element = one(`[data-fact=${key}]`);
    const format = key.endsWith("24h") && key !== "volume_24h" ? price : big;
    setText(element, format(quote?.[key] ?? null, currency));
    setTitle(element, exact(quote?.[`${key}_digits`] ?? null, currency));
  }
  showTime(one("[data-source-time]"), quote?.updated_at ? Date.parse(quote.updated_at) : null);
  showSpan(quote);
}

/**
 * Where the price stands between the day's lowest and highest.
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
  const x = (part * 97.5).toFixed(1); // of 100, and the mark has its width
  if (mark.getAttribute("x") !== x) mark.setAttribute("x", x);
}

/**
 * The tab's title, also of a hidden one. A price that is not live says so.
 *
 * @param {Quote} quote
 * @param {Currency} currency
 */
function showTitle(quote, currency) {
  known = { quote, currency };
  const { state = "" } = root.dataset;
  const isOld = OLD.includes(state);
  const amount = price(quote.price, currency);
  const head = isOld ? `(${state}) ${amount}` : `${ARROWS[quote.direction]} ${amount}`.trim();
  const title = `${head} ${quote.symbol.toUpperCase()} · Crypto Tracker`;
  if (document.title !== title) document.title = title;
}

/**
 * Another range without another page. Back leads to where the reader came from
 * and not through all the ranges.
 *
 * @param {MouseEvent} event
 */
function onRange(event) {
  const link = event.target instanceof Element ? event.target.closest("[data-range]") : null;
  const isPlain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (!(link instanceof HTMLAnchorElement) || !isPlain) return;
  event.preventDefault();
  setRange(/** @type {Range} */ (link.dataset.range));
  window.history.replaceState(window.history.state, "", link.href);
  show("[data-no-range]", false);
}

/** @param {Range} range */
function setRange(range) {
  for (const link of document.querySelectorAll("[data-ranges] [data-range]")) {
    const isIt = link.getAttribute("data-range") === range;
    if (isIt) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  table.setRange(range);
  chart.choose(range);
}

adoptIcon(icon, one("[data-ticker]").textContent || (one("[data-name]").textContent ?? ""));
one("[data-ranges]").addEventListener("click", onRange);
new MutationObserver(() => known && showTitle(known.quote, known.currency)).observe(root, {
  attributeFilter: ["data-state"],
});
const past = history.textContent?.trim();
if (past && chart.range in RANGES) chart.open(JSON.parse(past));
else chart.load();
page.start();
