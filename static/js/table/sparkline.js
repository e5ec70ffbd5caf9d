/** The small line of a week, from points to an SVG path. Pure: no DOM. */

import { trend } from "../lib/format.js";

/**
 * @typedef {[number, number]} Point unix milliseconds and price
 *
 * @typedef {object} Sparkline
 * @property {string} path an SVG path's `d`
 * @property {"up" | "down" | "same"} trend from its first point to its last
 */

/** The line's box; as in the `viewBox` of `_coin_row.html`. */
export const WIDTH = 100;
export const HEIGHT = 28;
/** The box's length, ms: a young coin's line begins further on. */
export const WEEK_MS = 7 * 24 * 60 * 60 * 1000;

const EDGE = 2; // of the box, above and below, for the line's own width

/**
 * @param {readonly Point[]} points oldest first
 * @param {number} end unix milliseconds of the box's right side
 * @returns {Sparkline | null} null where there is no line to draw
 */
export function sparkline(points, end) {
  if (points.length < 2) return null;
  const prices = points.map(([, price]) => price);
  const low = Math.min(...prices);
  const span = Math.max(...prices) - low;
  const steps = points.map(([at, price]) => {
    const x = Math.max(0, 1 - (end - at) / WEEK_MS) * WIDTH;
    const height = span ? (price - low) / span : 0.5;
    return `${round(x)} ${round(EDGE + (1 - height) * (HEIGHT - 2 * EDGE))}`;
  });
  const [first, last] = [prices[0], prices[prices.length - 1]];
  return { path: `M${steps.join("L")}`, trend: trend(first ? (last / first - 1) * 100 : 0) };
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10;
}
