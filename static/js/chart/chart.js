/**
 * The chart of one coin: loads a range, draws it, lets it grow with the stream,
 * and says in words what it cannot show.
 */

import { one, setData, setText } from "../lib/dom.js";
import { price } from "../lib/format.js";
import { frame } from "./axis.js";
import { follow } from "./crosshair.js";
import { Drawing } from "./svg_renderer.js";
import { Inquiry, InquiryError } from "./history_client.js";
import { Series } from "./series.js";
import { pointTime, summary, wayOf } from "./labels.js";

/**
 * @typedef {import("../lib/format.js").Currency} Currency
 * @typedef {import("./series.js").Past} Past
 * @typedef {import("./series.js").Point} Point
 * @typedef {import("./series.js").Range} Range
 * @typedef {"loading" | "ready" | "empty" | "failed"} State
 */

const RETRY = 30_000; // ms at least between two attempts that nobody asked for
const MOST_WAITING = 500; // ticks kept while a range is on its way

const WORDS = {
  loading: "Loading prices …",
  ready: "",
  empty: "No prices in this range yet. The first one appears here by itself; a longer range may have some.",
};

export class PriceChart {
  /** @type {Series | null} */
  series = null;
  /** @type {import("./axis.js").Frame | null} */
  #frame = null;
  /** @type {number | null} unix ms of the point under the crosshair */
  #chosen = null;
  /** @type {Point[]} what came while a range was on its way */
  #waiting = [];
  #askedAt = 0;
  #stale = true; // the drawing, not the prices
  #hasHole = false; // prices may have been missed

  /**
   * @param {HTMLElement} root the element with `data-chart`
   * @param {object} options
   * @param {string} options.url the history's
   * @param {Currency} options.currency
   * @param {number} options.staleAfter ms
   * @param {Range} options.range
   * @param {() => void} options.onLoad another past is shown
   */
  constructor(root, { url, currency, staleAfter, range, onLoad }) {
    this.root = root;
    this.currency = currency;
    this.staleAfter = staleAfter;
    this.range = range;
    this.onLoad = onLoad;
    this.inquiry = new Inquiry(url);
    this.plot = one("[data-plot]", HTMLElement, root);
    this.tip = one("[data-tip]", HTMLElement, root);
    this.drawing = new Drawing(one("[data-svg]", SVGSVGElement, root));
    const reader = {
      toPixel: (/** @type {number} */ x) => this.#toPixel(x),
      by: (/** @type {number} */ step) => this.#by(step),
      away: () => this.#choose(null),
    };
    follow(this.plot, reader, () => this.series?.points.length ?? 0);
    one("[data-retry]", HTMLElement, root).addEventListener("click", () => this.load());
    new ResizeObserver(() => this.#resize()).observe(this.plot);
  }

  /**
   * Show what was asked for, or came with the page.
   *
   * @param {Past} past
   */
  open(past) {
    this.series = new Series(past, this.staleAfter);
    for (const [at, amount] of this.#waiting) this.series.add(at, amount);
    this.#waiting = [];
    this.#hasHole = false;
    this.#changed();
    this.draw();
    this.onLoad();
  }

  /** @param {Range} range */
  choose(range) {
    if (range === this.range && this.series) return;
    this.range = range;
    this.series = null;
    this.#chosen = null;
    this.load();
  }

  /** Ask for the range; what is shown of it stays until the answer is there. */
  async load() {
    this.#askedAt = Date.now();
    if (!this.series) this.#say("loading");
    try {
      const past = await this.inquiry.ask(this.range);
      if (past) this.open(past);
    } catch (error) {
      if (!(error instanceof InquiryError)) throw error;
      this.#say("failed", `The prices could not be loaded. ${error.message}`);
    }
  }

  /**
   * A price has come. After a silence, others may have been missed.
   *
   * @param {number} at unix ms
   * @param {number} amount
   */
  add(at, amount) {
    if (this.inquiry.isUnderWay) this.#wait([at, amount]);
    const before = this.series?.last?.[0] ?? -Infinity;
    if (this.series?.add(at, amount)) this.#changed();
    this.#hasHole ||= at - before > this.staleAfter;
    const hasPaused = Date.now() - this.#askedAt > RETRY;
    if (this.#hasHole && hasPaused && !this.inquiry.isUnderWay) {
      this.#wait([at, amount]);
      this.load();
    }
  }

  /** Draw what has changed since it was drawn. */
  draw() {
    const { series } = this;
    const size = { width: this.plot.clientWidth, height: this.plot.clientHeight };
    if (!this.#stale || !size.width || !series?.points.length) return;
    this.#stale = false;
    this.drawing.resize(size);
    this.#frame = frame(series, size);
    this.drawing.show(this.#frame, this.#extremes());
    setData(this.root, "trend", wayOf(series).trend);
    setText(one("[data-summary]"), summary(series, this.currency));
    this.#point(document.activeElement !== this.plot); // who reads it is not interrupted
  }

  /** @param {Point} point */
  #wait(point) {
    this.#waiting.push(point);
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
  }

  #changed() {
    this.#stale = true;
    this.#say(this.series?.points.length ? "ready" : "empty");
  }

  #extremes() {
    const { low, high } = this.#frame?.extremes ?? {};
    const text = (/** @type {Point | undefined} */ point) =>
      point ? price(point[1], this.currency) : "";
    return { low: text(low), high: text(high) };
  }

  #resize() {
    this.#stale = true;
    this.draw();
  }

  /**
   * @param {State} state
   * @param {string} [words]
   */
  #say(state, words = WORDS[/** @type {keyof WORDS} */ (state)]) {
    setData(this.root, "state", state);
    setData(this.root, "has", this.series?.points.length ? "points" : "nothing");
    setText(one("[data-said-text]", HTMLElement, this.root), words);
    one("[data-retry]", HTMLElement, this.root).hidden = state !== "failed";
    if (this.series?.points.length) return;
    setText(one("[data-summary]"), "");
    this.#frame = null;
    if (state !== "loading") this.drawing.clear(); // else the range before stays, faint
    this.#point();
  }

  /** @param {number} x */
  #toPixel(x) {
    if (this.#frame && this.series) this.#choose(this.series.nearest(this.#frame.timeAt(x)));
  }

  /** @param {number} step */
  #by(step) {
    if (!this.series) return;
    const last = this.series.points.length - 1;
    const from = this.#chosen === null ? last : this.series.nearest(this.#chosen);
    this.#choose(Math.max(0, Math.min(last, from + step)));
  }

  /** @param {number | null} index */
  #choose(index) {
    this.#chosen = index === null ? null : (this.series?.points[index]?.[0] ?? null);
    this.#point();
  }

  /**
   * Show the chosen point; to those who listen, if none is chosen, the newest one.
   *
   * @param {boolean} [aloud]
   */
  #point(aloud = true) {
    const points = this.series?.points ?? [];
    const chosen = this.#chosen === null ? -1 : (this.series?.nearest(this.#chosen) ?? -1);
    const frame = this.#frame;
    this.tip.hidden = chosen < 0 || !frame;
    const spot = frame && chosen >= 0 ? frame.spot(points[chosen]) : null;
    this.drawing.point(spot);
    if (aloud) this.#tell(points, chosen < 0 ? points.length - 1 : chosen);
    if (!spot || !frame) return;
    setText(one("[data-tip-price]", HTMLElement, this.tip), price(points[chosen][1], this.currency));
    setText(one("[data-tip-time]", HTMLElement, this.tip), pointTime(points[chosen][0], this.range));
    const half = this.tip.offsetWidth / 2;
    const x = Math.max(half, Math.min(this.plot.clientWidth - half, spot[0]));
    this.tip.style.transform = `translateX(${Math.round(x - half)}px)`;
  }

  /**
   * @param {Point[]} points
   * @param {number} index
   */
  #tell(points, index) {
    const point = points[index];
    const text = point
      ? `${pointTime(point[0], this.range)}: ${price(point[1], this.currency)}`
      : "No prices yet";
    const values = { max: Math.max(0, points.length - 1), now: Math.max(0, index), text };
    for (const [name, value] of Object.entries(values)) {
      const key = `aria-value${name}`;
      if (this.plot.getAttribute(key) !== String(value)) this.plot.setAttribute(key, String(value));
    }
  }
}
