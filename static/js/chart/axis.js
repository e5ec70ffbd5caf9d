/**
 * The chart's layout in pixels: the line, the axes, the highest and the lowest
 * point. Pure: no DOM.
 */

import { linear, priceSpan, priceTicks, widened } from "./scale.js";
import { highest, lowest } from "./series.js";
import { timeTicks } from "./times.js";
import { priceLabel, timeLabel } from "./labels.js";

/**
 * @typedef {import("./path.js").Spot} Spot
 * @typedef {import("./series.js").Point} Point
 *
 * @typedef {{label: string, x: number, y: number}} Label
 *
 * @typedef {object} Frame
 * @property {number} left where the first point is
 * @property {number} right where the last one is
 * @property {number} floor where the axis of times begins
 * @property {Label[]} prices
 * @property {Label[]} times
 * @property {Spot[][]} pieces the line
 * @property {{low: Point, high: Point} | null} extremes none where nothing moves
 * @property {(point: Point) => Spot} spot
 * @property {(x: number) => number} timeAt
 */

const LETTER_PX = 7; // a digit, about
const EDGE = 6; // px left free beside the line, for its dots
const HEAD = 30; // px above the line, for the highest price
const FOOT = 26; // px below the line, for the lowest price
const TIMES = 26; // px of the axis of times
const PER_PRICE = 52; // px at least between two prices
const PER_TIME = 60; // px at least between two times

/**
 * @param {import("./series.js").Series} series with at least one point
 * @param {{width: number, height: number}} size px
 * @returns {Frame}
 */
export function frame(series, { width, height }) {
  const { points } = series;
  const [low, high] = [lowest(points), highest(points)];
  const floor = height - TIMES;
  const span = priceSpan(low[1], high[1]);
  const toY = linear(span, floor - FOOT, HEAD);
  const prices = priceLabels(span, floor);
  const gutter = Math.max(0, ...prices.map(({ label }) => label.length)) * LETTER_PX + 2 * EDGE;
  const [left, right] = [EDGE, Math.max(EDGE + 1, width - gutter)];
  const time = { low: points[0][0], high: points[points.length - 1][0] };
  const toX = linear(time, left, right);
  const spot = (/** @type {Point} */ [at, price]) => /** @type {Spot} */ ([toX(at), toY(price)]);
  return {
    left,
    right,
    floor,
    prices: prices.map(({ label, value }) => ({ label, x: right + EDGE, y: toY(value) })),
    times: timeLabels(time, right - left, toX, height),
    pieces: series.pieces().map((piece) => piece.map(spot)),
    extremes: high[1] > low[1] ? { low, high } : null,
    spot,
    timeAt: linear({ low: left, high: right }, time.low, time.high),
  };
}

/**
 * @param {import("./scale.js").Span} span
 * @param {number} floor
 */
function priceLabels(span, floor) {
  const length = floor - FOOT - HEAD;
  const seen = widened(span, length, FOOT - EDGE, HEAD - 2 * EDGE);
  const { step, values } = priceTicks(seen, floor / PER_PRICE);
  return values.map((value) => ({ value, label: priceLabel(value, step) }));
}

/**
 * @param {import("./scale.js").Span} time
 * @param {number} width
 * @param {(at: number) => number} toX
 * @param {number} height
 */
function timeLabels({ low, high }, width, toX, height) {
  if (!(high > low)) return [{ label: timeLabel(low, "minute"), x: toX(low), y: height - 8 }];
  const { step, times } = timeTicks(low, high, width / PER_TIME);
  return times
    .map((at) => ({ label: timeLabel(at, step.unit), x: toX(at), y: height - 8 }))
    .filter(({ label, x }) => x >= (label.length * LETTER_PX) / 2);
}
