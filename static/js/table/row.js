/** One coin's row. An update formats and touches only what has changed. */

import { one, setAttribute, setData, setText, setTitle } from "../lib/dom.js";
import { compact, exact, percent, trend, UNKNOWN } from "../lib/format.js";
import { adoptIcon, showIcon } from "../lib/icons.js";
import { showPrice } from "../lib/price_cell.js";

/** @typedef {import("../lib/market.js").Quote} Quote */

const CHANGES = /** @type {const} */ (["change_1h", "change_24h", "change_7d"]);
const AMOUNTS = /** @type {const} */ (["market_cap", "volume_24h"]);
const FLASH_MS = 900; // shorter than the shortest interval

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

export class CoinRow {
  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    /** @type {Quote | null} the one that is shown */
    this.quote = null;
    this.code = "";
    this.star = one("[data-star]", HTMLElement, element);
    this.link = one("[data-link]", HTMLAnchorElement, element);
    this.icon = one("[data-icon]", HTMLElement, element);
    this.name = one("[data-name]", HTMLElement, element);
    this.symbol = one("[data-symbol]", HTMLElement, element);
    this.line = one("[data-line]", SVGElement, element);
    this.path = one("[data-line] path", SVGElement, element);
    /** @type {Map<string, HTMLElement>} */
    this.cells = new Map();
    for (const cell of element.querySelectorAll("[data-field]")) {
      const { field = "" } = /** @type {HTMLElement} */ (cell).dataset;
      this.cells.set(field, /** @type {HTMLElement} */ (cell));
    }
  }

  get id() {
    return this.element.dataset.coin ?? "";
  }

  /** Take over a row that the server wrote. */
  adopt() {
    adoptIcon(this.icon, this.symbol.textContent ?? "");
  }

  /**
   * Fill a blank row for the coin *id*.
   *
   * @param {string} id
   * @param {string} home the address above the coins' pages
   */
  fillBlank(id, home) {
    this.element.dataset.coin = id;
    this.link.href = home + encodeURIComponent(id);
  }

  /** @param {boolean} isFavorite */
  showStar(isFavorite) {
    setAttribute(this.star, "aria-pressed", String(isFavorite));
  }

  /** @param {import("./sparkline.js").Sparkline | undefined} line none leaves the cell empty */
  showSparkline(line) {
    setAttribute(this.path, "d", line?.path ?? "");
    setData(this.line, "trend", line?.trend ?? "same");
  }

  /**
   * @param {Quote} quote
   * @param {import("../lib/format.js").Currency} currency
   */
  show(quote, currency) {
    const before = this.code === currency.code ? this.quote : null;
    this.quote = quote;
    this.code = currency.code;
    const isNew = (/** @type {keyof Quote} */ key) => before?.[key] !== quote[key];
    if (isNew("rank")) setText(this.#cell("rank"), String(quote.rank ?? UNKNOWN));
    if (isNew("image")) showIcon(this.icon, quote.image, quote.symbol);
    if (isNew("name")) this.#showName(quote.name);
    if (isNew("symbol")) setText(this.symbol, quote.symbol.toUpperCase());
    if (isNew("direction") || isNew("price_digits")) showPrice(this.#cell("price"), quote, currency);
    if (before && isNew("price_digits")) flash(this.#cell("price"), quote.direction);
    for (const field of CHANGES) {
      if (!isNew(field)) continue;
      setText(this.#cell(field), percent(quote[field]));
      setData(this.#cell(field), "trend", trend(quote[field]));
    }
    for (const field of AMOUNTS) {
      if (!isNew(`${field}_digits`)) continue;
      setText(this.#cell(field), compact(quote[field], currency));
      setTitle(this.#cell(field), exact(quote[`${field}_digits`], currency));
    }
  }

  /** @param {string} name */
  #showName(name) {
    setText(this.name, name);
    setTitle(this.name, name);
    const label = `Favorite: ${name}`;
    if (this.star.ariaLabel !== label) this.star.ariaLabel = label;
  }

  /** @param {string} field */
  #cell(field) {
    return /** @type {HTMLElement} */ (this.cells.get(field));
  }
}

/**
 * Highlight a price that changed for a moment, except for readers who prefer reduced motion.
 *
 * @param {HTMLElement} cell
 * @param {import("../lib/market.js").Direction} direction
 */
function flash(cell, direction) {
  if (direction === "same" || reducedMotion.matches) return;
  const from = `var(--flash-${direction})`;
  const frames = [{ backgroundColor: from }, { backgroundColor: "transparent" }];
  cell.animate(frames, { duration: FLASH_MS, easing: "ease-out" });
}
