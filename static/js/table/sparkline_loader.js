/**
 * The week's lines of all coins, by one request, and again from time to time.
 *
 * It is asked only from `look`, which a page calls when it paints: so a hidden
 * page asks for nothing. A failure leaves what there is, and is not told: the
 * prices do not depend on it.
 */

import { line } from "./sparkline.js";

/**
 * @typedef {import("./sparkline.js").Line} Line
 * @typedef {import("./sparkline.js").Point} Point
 */

const REFRESH = 15 * 60_000; // ms; a week's line of 50 points moves every three hours
const RETRY = 60_000; // ms after a failure, or while coins are missing
const PATIENCE = 20_000; // ms

export class Week {
  #nextAt = 0;

  /**
   * @param {string} url
   * @param {(lines: Map<string, Line>) => void} draw
   */
  constructor(url, draw) {
    this.url = url;
    this.draw = draw;
  }

  /**
   * Ask anew if it is time.
   *
   * @param {number} coins how many are shown
   */
  async look(coins, now = Date.now()) {
    if (now < this.#nextAt) return;
    this.#nextAt = now + RETRY;
    try {
      const response = await fetch(this.url, { signal: AbortSignal.timeout(PATIENCE) });
      if (!response.ok) return;
      const lines = drawn((await response.json()).coins);
      if (lines.size >= coins) this.#nextAt = now + REFRESH;
      this.draw(lines);
    } catch {
      // Offline, or no answer: another time.
    }
  }
}

/** @param {Record<string, Point[]>} coins */
function drawn(coins) {
  const histories = Object.entries(coins);
  const end = Math.max(...histories.map(([, points]) => points.at(-1)?.[0] ?? 0));
  /** @type {Map<string, Line>} */
  const lines = new Map();
  for (const [id, points] of histories) {
    const found = line(points, end);
    if (found) lines.set(id, found);
  }
  return lines;
}
