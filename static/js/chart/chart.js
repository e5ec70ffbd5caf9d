/**
 * The chart of one coin: loads a range, draws it, adds the stream's prices, and
 * shows a message while there is nothing to draw.
 */

import { one, setAttribute, setData, setText } from "../lib/dom.js";
import { price } from "../lib/format.js";
import { frame } from "./axis.js";
import { selectBy } from "./crosshair.js";
import { HistoryClient, HistoryError } from "./history_client.js";
import { changeOf, pointTime, summary } from "./labels.js";
import { Series } from "./series.js";
import { SvgRenderer } from "./svg_renderer.js";

/**
 * @typedef {import("./series.js").Point} Point
 * @typedef {"loading" | "ready" | "empty" | "failed"} State
 */

const RELOAD_MS = 30_000; // at least, between two loads without a click
const MAX_PENDING = 500; // prices kept while a range is loading

const MESSAGES = {
  loading: "Loading prices …",
  ready: "",
  empty: "No prices in this range yet. The first one will appear here; a longer range may have some.",
};

export class PriceChart {
  /** @type {Series | null} */
  series = null;
  /** @type {import("./axis.js").Frame | null} */
  #frame = null;
  /** @type {number | null} unix ms of the point under the crosshair */
  #selected = null;
  /** @type {Point[]} prices that came while a range was loading */
  #pending = [];
  #loadedAt = 0;
  #needsDraw = true;
  #hasGap = false; // prices may have been missed

  /**
   * @param {HTMLElement} root the element with `data-chart`
   * @param {object} options
   * @param {string} options.url the history's
   * @param {Record<string, number>} options.lengths of the ranges, ms
   * @param {import("../lib/format.js").Currency} options.currency
   * @param {number} options.staleAfter ms
   * @param {string} options.range
   * @param {() => void} options.onLoad called when another history is shown
   */
  constructor(root, { url, lengths, currency, staleAfter, range, onLoad }) {
    this.root = root;
    this.lengths = lengths;
    this.currency = currency;
    this.staleAfter = staleAfter;
    this.range = range;
    this.onLoad = onLoad;
    this.client = new HistoryClient(url);
    this.plot = one("[data-plot]", HTMLElement, root);
    this.tip = one("[data-tip]", HTMLElement, root);
    this.renderer = new SvgRenderer(one("[data-svg]", SVGSVGElement, root));
    selectBy(this.plot, {
      selectAt: (x) => this.#selectAt(x),
      move: (step) => this.#moveSelection(step),
      clear: () => this.#select(null),
      count: () => this.series?.points.length ?? 0,
    });
    one("[data-retry]", HTMLElement, root).addEventListener("click", () => this.load());
    new ResizeObserver(() => this.#resize()).observe(this.plot);
  }

  /** @param {import("./series.js").History} history loaded, or from the page */
  show(history) {
    this.series = new Series(history, this.lengths[history.range], this.staleAfter);
    for (const [at, amount] of this.#pending) this.series.add(at, amount);
    this.#pending = [];
    this.#hasGap = false;
    this.#changed();
    this.draw();
    this.onLoad();
  }

  /** @param {string} range */
  setRange(range) {
    if (range === this.range && this.series) return;
    this.range = range;
    this.series = null;
    this.#selected = null;
    this.load();
  }

  /** Load the range. The prices that are shown stay until the response has come. */
  async load() {
    this.#loadedAt = Date.now();
    if (!this.series) this.#setState("loading");
    try {
      const history = await this.client.load(this.range);
      if (history) this.show(history);
    } catch (error) {
      if (!(error instanceof HistoryError)) throw error;
      this.#setState("failed", `The prices could not be loaded. ${error.message}`);
    }
  }

  /**
   * Add a live price. The range is loaded again after a time without prices, and where
   * the prices shown are of a clock that was ahead.
   *
   * @param {number} at unix ms
   * @param {number} amount
   */
  add(at, amount) {
    const { isLoading } = this.client;
    if (isLoading) this.#keepPending([at, amount]);
    const before = this.series?.last?.[0] ?? -Infinity;
    if (this.series?.add(at, amount)) this.#changed();
    this.#hasGap ||= Math.abs(at - before) > this.staleAfter;
    if (this.#hasGap && !isLoading && Date.now() - this.#loadedAt > RELOAD_MS) {
      this.#keepPending([at, amount]);
      this.load();
    }
  }

  /** Draw the chart if it has changed. */
  draw() {
    const { series } = this;
    const size = { width: this.plot.clientWidth, height: this.plot.clientHeight };
    if (!this.#needsDraw || !size.width || !series?.points.length) return;
    this.#needsDraw = false;
    this.renderer.resize(size);
    this.#frame = frame(series, size);
    this.renderer.show(this.#frame, this.#extremes());
    setData(this.root, "trend", changeOf(series).trend);
    setText(one("[data-summary]"), summary(series, this.currency));
    // A screen reader that reads the chart is not interrupted.
    this.#showSelection(document.activeElement !== this.plot);
  }

  /** @param {Point} point */
  #keepPending(point) {
    this.#pending.push(point);
    if (this.#pending.length > MAX_PENDING) this.#pending.shift();
  }

  #changed() {
    this.#needsDraw = true;
    this.#setState(this.series?.points.length ? "ready" : "empty");
  }

  #extremes() {
    const { low, high } = this.#frame?.extremes ?? {};
    const text = (/** @type {Point | undefined} */ point) =>
      point ? price(point[1], this.currency) : "";
    return { low: text(low), high: text(high) };
  }

  #resize() {
    this.#needsDraw = true;
    this.draw();
  }

  /**
   * @param {State} state
   * @param {string} [message]
   */
  #setState(state, message = MESSAGES[/** @type {keyof MESSAGES} */ (state)]) {
    setData(this.root, "state", state);
    setData(this.root, "has", this.series?.points.length ? "points" : "nothing");
    setText(one("[data-chart-message]", HTMLElement, this.root), message);
    one("[data-retry]", HTMLElement, this.root).hidden = state !== "failed";
    if (this.series?.points.length) return;
    setText(one("[data-summary]"), "");
    this.#frame = null;
    if (state !== "loading") this.renderer.clear(); // else the range before stays, faint
    this.#showSelection();
  }

  /** @param {number} x */
  #selectAt(x) {
    if (this.#frame && this.series) this.#select(this.series.nearest(this.#frame.timeAt(x)));
  }

  /** @param {number} step */
  #moveSelection(step) {
    if (!this.series) return;
    const last = this.series.points.length - 1;
    const from = this.#selected === null ? last : this.series.nearest(this.#selected);
    this.#select(Math.max(0, Math.min(last, from + step)));
  }

  /** @param {number | null} index */
  #select(index) {
    this.#selected = index === null ? null : (this.series?.points[index]?.[0] ?? null);
    this.#showSelection();
  }

  /**
   * Show the selected point. Without one, screen readers get the newest.
   *
   * @param {boolean} [isAnnounced]
   */
  #showSelection(isAnnounced = true) {
    const points = this.series?.points ?? [];
    const selected = this.#selected === null ? -1 : (this.series?.nearest(this.#selected) ?? -1);
    const frame = this.#frame;
    this.tip.hidden = selected < 0 || !frame;
    const spot = frame && selected >= 0 ? frame.spot(points[selected]) : null;
    this.renderer.setCrosshair(spot);
    if (isAnnounced) this.#setAria(points, selected < 0 ? points.length - 1 : selected);
    if (!spot || !frame) return;
    const [at, amount] = points[selected];
    setText(one("[data-tip-price]", HTMLElement, this.tip), price(amount, this.currency));
    setText(one("[data-tip-time]", HTMLElement, this.tip), pointTime(at, this.range));
    const half = this.tip.offsetWidth / 2;
    const x = Math.max(half, Math.min(this.plot.clientWidth - half, spot[0]));
    this.tip.style.transform = `translateX(${Math.round(x - half)}px)`;
  }

  /**
   * @param {Point[]} points
   * @param {number} index
   */
  #setAria(points, index) {
    const point = points[index];
    const text = point
      ? `${pointTime(point[0], this.range)}: ${price(point[1], this.currency)}`
      : "No prices yet";
    const values = { max: Math.max(0, points.length - 1), now: Math.max(0, index), text };
    for (const [name, value] of Object.entries(values)) {
      setAttribute(this.plot, `aria-value${name}`, String(value));
    }
  }
}
