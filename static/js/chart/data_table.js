/**
 * The chart's prices as a table, for readers who cannot see the chart.
 *
 * It is written when it is opened and when another range is chosen. A tick does not
 * change it: it stands still while it is read.
 */

import { one, setText } from "../lib/dom.js";
import { price } from "../lib/format.js";
import { showTime } from "../lib/times.js";
import { downsample } from "./series.js";

/**
 * @typedef {import("../lib/format.js").Currency} Currency
 * @typedef {import("./series.js").Series} Series
 */

const MAX_ROWS = 60; // as in the server's table

export class DataTable {
  /**
   * @param {HTMLDetailsElement} details
   * @param {() => {series: Series | null, currency: Currency}} source what the chart shows
   */
  constructor(details, source) {
    this.details = details;
    this.source = source;
    this.csv = one("[data-csv]", HTMLAnchorElement, details);
    details.addEventListener("toggle", () => this.show());
  }

  /** Write the table, if it is open. */
  show() {
    const { series, currency } = this.source();
    if (!series || !this.details.open) return;
    const rows = downsample(series.points, MAX_ROWS).map((point) => row(point, currency));
    one("[data-past-rows]", HTMLElement, this.details).replaceChildren(...rows);
    one("[data-past-table]", HTMLElement, this.details).hidden = rows.length === 0;
    setText(one("[data-past-range]", HTMLElement, this.details), series.range);
    setText(one("[data-past-note]", HTMLElement, this.details), note(rows.length, series));
  }

  /** @param {string} range */
  setRange(range) {
    const url = new URL(this.csv.href);
    url.searchParams.set("range", range);
    this.csv.href = url.href;
  }
}

/**
 * @param {number} shown
 * @param {Series} series
 */
function note(shown, { points }) {
  if (!shown) return "No prices in this range yet.";
  if (shown === points.length) return `All ${shown} prices of the range.`;
  return `${shown} of ${points.length} prices: the first, the last, and lows and highs between.`;
}

/**
 * @param {import("./series.js").Point} point
 * @param {Currency} currency
 */
function row([at, amount], currency) {
  const line = document.createElement("tr");
  const time = document.createElement("time");
  showTime(time, at);
  line.insertCell().append(time);
  line.insertCell().textContent = price(amount, currency);
  return line;
}
