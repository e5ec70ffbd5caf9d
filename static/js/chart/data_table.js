/**
 * The chart's prices as a table, for those who cannot see it.
 *
 * It is written when somebody opens it or chooses another range, and stands still
 * while it is read: a tick does not change it.
 */

import { one, setText } from "../lib/dom.js";
import { price } from "../lib/format.js";
import { showTime } from "../lib/times.js";
import { thin } from "./series.js";

/**
 * @typedef {import("../lib/format.js").Currency} Currency
 * @typedef {import("./series.js").Point} Point
 * @typedef {import("./series.js").Series} Series
 */

const ROWS = 60; // as the server has them

export class PastTable {
  /**
   * @param {HTMLDetailsElement} details
   * @param {() => {series: Series | null, currency: Currency}} source what is shown now
   */
  constructor(details, source) {
    this.details = details;
    this.source = source;
    details.addEventListener("toggle", () => this.show());
    this.csv = one("[data-csv]", HTMLAnchorElement, details);
  }

  /** Show what the chart shows, if anybody looks. */
  show() {
    const { series, currency } = this.source();
    if (!series || !this.details.open) return;
    const rows = thin(series.points, ROWS);
    const body = one("[data-past-rows]", HTMLElement, this.details);
    body.replaceChildren(...rows.map((point) => row(point, currency)));
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
 * @param {Point} point
 * @param {Currency} currency
 */
function row([at, amount], currency) {
  const line = document.createElement("tr");
  const time = document.createElement("time");
  showTime(time, at);
  line.append(document.createElement("td"), document.createElement("td"));
  line.children[0].append(time);
  line.children[1].textContent = price(amount, currency);
  return line;
}
