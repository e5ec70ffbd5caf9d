/**
 * Loads the sparklines of all coins with one request, and again from time to time.
 *
 * A page calls `refresh` when it renders, so a hidden page requests nothing. After
 * a failure the lines stay as they are, without a message: prices do not depend on them.
 */

import { sparkline } from "./sparkline.js";

/** @typedef {import("./sparkline.js").Sparkline} Sparkline */

const REFRESH_MS = 15 * 60_000; // a week in 50 points gets a new one every three hours
const RETRY_MS = 60_000; // after a failure, or while coins are missing
const TIMEOUT_MS = 20_000;

export class SparklineLoader {
  #nextAt = 0;

  /**
   * @param {string} url
   * @param {(lines: Map<string, Sparkline>) => void} onLoad
   */
  constructor(url, onLoad) {
    this.url = url;
    this.onLoad = onLoad;
  }

  /**
   * Load the lines if they are due.
   *
   * @param {number} coins how many are shown
   */
  async refresh(coins, now = Date.now()) {
    if (now < this.#nextAt) return;
    this.#nextAt = now + RETRY_MS;
    try {
      const response = await fetch(this.url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (!response.ok) return;
      const lines = sparklines((await response.json()).coins);
      if (lines.size >= coins) this.#nextAt = now + REFRESH_MS;
      this.onLoad(lines);
    } catch {
      // Offline, or no response in time: the next refresh tries again.
    }
  }
}

/** @param {Record<string, import("./sparkline.js").Point[]>} coins */
function sparklines(coins) {
  const histories = Object.entries(coins);
  const end = Math.max(...histories.map(([, points]) => points.at(-1)?.[0] ?? 0));
  /** @type {Map<string, Sparkline>} */
  const lines = new Map();
  for (const [id, points] of histories) {
    const line = sparkline(points, end);
    if (line) lines.set(id, line);
  }
  return lines;
}
