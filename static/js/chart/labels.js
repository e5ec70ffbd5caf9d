/**
 * The chart's texts: its axes' labels, a point's time, a summary of a range. In
 * the reader's locale and zone, as everything in `format.js`. Pure: no DOM.
 */

import { cached, percent, price, timeFormat, trend } from "../lib/format.js";
import { decimalsOf } from "./scale.js";
import { highest, lowest } from "./series.js";

/** @typedef {import("./series.js").Series} Series */

const MAX_DECIMALS = 13; // smaller prices are written with a power of ten
const WELL_COVERED = 0.9; // of a range; a summary says if less is known

/** @type {Record<string, Intl.DateTimeFormatOptions>} */
const STYLES = {
  time: { hour: "numeric", minute: "2-digit" },
  seconds: { timeStyle: "medium" },
  day: { day: "numeric", month: "short" },
  month: { month: "short" },
  year: { year: "numeric" },
  weekday: { weekday: "short", hour: "numeric", minute: "2-digit" },
  full: { dateStyle: "medium", timeStyle: "short" },
};

/** @type {Record<string, keyof STYLES>} by range; the others have "full" */
const POINT_STYLES = { "1h": "seconds", "24h": "weekday" };

/**
 * @param {number} at unix ms
 * @param {keyof STYLES} style
 */
function inStyle(at, style) {
  return timeFormat(at, `chart ${style}`, STYLES[style]);
}

/**
 * A round time on the axis: midnight is labelled by its day, January by its year.
 *
 * @param {number} at unix ms
 * @param {import("./times.js").Step["unit"]} unit
 */
export function timeLabel(at, unit) {
  const date = new Date(at);
  if (unit === "minute") {
    return inStyle(at, date.getHours() || date.getMinutes() ? "time" : "day");
  }
  if (unit === "month") return inStyle(at, date.getMonth() ? "month" : "year");
  return inStyle(at, unit);
}

/**
 * A round price on the axis, with as many decimals as its neighbours need.
 *
 * @param {number} value
 * @param {number} step between it and the next one
 */
export function priceLabel(value, step) {
  const decimals = decimalsOf(step);
  if (decimals > MAX_DECIMALS && value !== 0) {
    const digits = decimals + Math.floor(Math.log10(value));
    return numberOf("scientific", 0, Math.max(0, digits)).format(value);
  }
  return numberOf("standard", Math.min(decimals, MAX_DECIMALS)).format(value);
}

/**
 * @param {"standard" | "scientific"} notation
 * @param {number} least decimals
 * @param {number} most decimals
 */
function numberOf(notation, least, most = least) {
  const options = { notation, minimumFractionDigits: least, maximumFractionDigits: most };
  return cached(`chart ${notation} ${least} ${most}`, () => new Intl.NumberFormat(undefined, options));
}

/**
 * A point's time, as exactly as its range needs.
 *
 * @param {number} at unix ms
 * @param {string} range
 */
export function pointTime(at, range) {
  return inStyle(at, POINT_STYLES[range] ?? "full");
}

/**
 * The change from a range's first price to its last.
 *
 * @param {Series} series
 */
export function changeOf({ points }) {
  const [first, last] = [points[0][1], points[points.length - 1][1]];
  const change = first ? (last / first - 1) * 100 : null;
  return { change, trend: trend(change) };
}

/**
 * A range in a sentence, shown under the chart and read by screen readers.
 *
 * @param {Series} series with points
 * @param {import("../lib/format.js").Currency} currency
 */
export function summary(series, currency) {
  const { points, range, length } = series;
  const begin = points[0][0];
  const end = points[points.length - 1][0];
  if (begin === end) return `One price so far: ${price(points[0][1], currency)}.`;
  const since = `${percent(changeOf(series).change)} since ${pointTime(begin, range)}`;
  const low = price(lowest(points)[1], currency);
  const high = price(highest(points)[1], currency);
  const covered = end - begin >= length * WELL_COVERED ? "" : " No earlier prices are known.";
  return `${since}. Low ${low}, high ${high}.${covered}`;
}
