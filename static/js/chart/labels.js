/**
 * What the chart says: its axes' labels, a point's time, a range in a sentence.
 * In the reader's locale and zone, as everything in `format.js`. Pure: no DOM.
 */

import { percent, price, trend } from "../lib/format.js";
import { decimalsOf } from "./scale.js";
import { highest, lowest } from "./series.js";

/**
 * @typedef {import("../lib/format.js").Currency} Currency
 * @typedef {import("./series.js").Range} Range
 * @typedef {import("./series.js").Series} Series
 * @typedef {import("./times.js").Step} Step
 */

const MOST_DECIMALS = 13; // more zeros than that are not counted but written as a power
const WELL_COVERED = 0.9; // of a range; less is said

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

/** @type {Record<Range, keyof STYLES>} */
const POINT_STYLES = { "1h": "seconds", "24h": "weekday", "7d": "full", "30d": "full", "1y": "full" };

/** @type {Map<string, Intl.DateTimeFormat | Intl.NumberFormat>} making one is slow */
const made = new Map();

/**
 * @template {Intl.DateTimeFormat | Intl.NumberFormat} T
 * @param {string} key
 * @param {() => T} make
 * @returns {T}
 */
function once(key, make) {
  const found = made.get(key) ?? make();
  made.set(key, found);
  return /** @type {T} */ (found);
}

/**
 * @param {number} at unix ms
 * @param {keyof STYLES} style
 */
function inStyle(at, style) {
  const zone = new Date(at).getTimezoneOffset(); // the page may travel while it is open
  return once(`${style} ${zone}`, () => new Intl.DateTimeFormat(undefined, STYLES[style])).format(at);
}

/**
 * A round time on the axis: midnight by its day, January by its year.
 *
 * @param {number} at unix ms
 * @param {Step["unit"]} unit
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
  if (decimals > MOST_DECIMALS && value !== 0) {
    const digits = decimals + Math.floor(Math.log10(value));
    return numberOf("scientific", 0, Math.max(0, digits)).format(value);
  }
  return numberOf("standard", Math.min(decimals, MOST_DECIMALS)).format(value);
}

/**
 * @param {"standard" | "scientific"} notation
 * @param {number} least decimals
 * @param {number} most decimals
 */
function numberOf(notation, least, most = least) {
  const options = { notation, minimumFractionDigits: least, maximumFractionDigits: most };
  return once(`${notation} ${least} ${most}`, () => new Intl.NumberFormat(undefined, options));
}

/**
 * When a point was, as exactly as its range is.
 *
 * @param {number} at unix ms
 * @param {Range} range
 */
export function pointTime(at, range) {
  return inStyle(at, POINT_STYLES[range]);
}

/**
 * Where the range went, from its first price to its last.
 *
 * @param {Series} series
 */
export function wayOf({ points }) {
  const [first, last] = [points[0][1], points[points.length - 1][1]];
  const change = first ? (last / first - 1) * 100 : null;
  return { change, trend: trend(change) };
}

/**
 * The range in words, for those who see the chart and those who do not.
 *
 * @param {Series} series with points
 * @param {Currency} currency
 */
export function summary(series, currency) {
  const { points, range, length } = series;
  const begin = points[0][0];
  const end = points[points.length - 1][0];
  if (begin === end) return `One price so far: ${price(points[0][1], currency)}.`;
  const since = `${percent(wayOf(series).change)} since ${pointTime(begin, range)}`;
  const low = price(lowest(points)[1], currency);
  const high = price(highest(points)[1], currency);
  const covered = end - begin >= length * WELL_COVERED ? "" : " No earlier prices are known.";
  return `${since}. Low ${low}, high ${high}.${covered}`;
}
