/** One coin's row. An update touches only what changed, and compares before it formats. */

import { one, setData, setText, setTitle } from "../lib/dom.js";
import { big, exact, percent, price, trend, UNKNOWN } from "../lib/format.js";
import { adoptIcon, showIcon } from "../lib/icons.js";

/**
 * @typedef {import("../lib/format.js").Currency} Currency
 * @typedef {import("../lib/market.js").Direction} Direction
 * @typedef {import("../lib/market.js").Quote} Quote
 * @typedef {import("./sparkline.js").Line} Line
 */

const ARROWS = { up: "▲", down: "▼", same: "" };
const SPOKEN = { up: "up", down: "down", same: "unchanged" };
const CHANGES = /** @type {const} */ (["change_1h", "change_24h", "change_7d"]);
const AMOUNTS = /** @type {const} */ (["market_cap", "volume_24h"]);
const FLASH = 900; // ms; shorter than the shortest interval

const calm = matchMedia("(prefers-reduced-motion: reduce)");

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
    this.arrow = one("[data-arrow]", HTMLElement, element);
    this.amount = one("[data-amount]", HTMLElement, element);
    this.spoken = one("[data-spoken]", HTMLElement, element);
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
   * @param {string} home the address below which the coins' pages are
   */
  become(id, home) {
    this.element.dataset.coin = id;
    this.link.href = home + encodeURIComponent(id);
  }

  /** @param {boolean} isFavorite */
  showStar(isFavorite) {
    const pressed = String(isFavorite);
    if (this.star.getAttribute("aria-pressed") !== pressed) {
      this.star.setAttribute("aria-pressed", pressed);
    }
  }

  /** @param {Line | undefined} line none leaves the cell empty */
  showLine(line) {
    const path = line?.path ?? "";
    if (this.path.getAttribute("d") !== path) this.path.setAttribute("d", path);
    setData(this.line, "trend", line?.trend ?? "same");
  }

  /**
   * @param {Quote} quote
   * @param {Currency} currency
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
    if (isNew("direction")) this.#showDirection(quote.direction);
    if (isNew("price_digits")) this.#showPrice(quote, currency, before !== null);
    for (const field of CHANGES) {
      if (isNew(field)) this.#showChange(field, quote[field]);
    }
    for (const field of AMOUNTS) {
      if (!isNew(`${field}_digits`)) continue;
      setText(this.#cell(field), big(quote[field], currency));
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

  /** @param {Direction} direction */
  #showDirection(direction) {
    setData(this.#cell("price"), "direction", direction);
    setText(this.arrow, ARROWS[direction]);
    setText(this.spoken, SPOKEN[direction]);
  }

  /**
   * @param {Quote} quote
   * @param {Currency} currency
   * @param {boolean} isNews another price was shown before
   */
  #showPrice(quote, currency, isNews) {
    setText(this.amount, price(quote.price, currency));
    setTitle(this.#cell("price"), exact(quote.price_digits, currency));
    if (isNews) flash(this.#cell("price"), quote.direction);
  }

  /**
   * @param {string} field
   * @param {number | null} value
   */
  #showChange(field, value) {
    setText(this.#cell(field), percent(value));
    setData(this.#cell(field), "trend", trend(value));
  }

  /** @param {string} field */
  #cell(field) {
    return /** @type {HTMLElement} */ (this.cells.get(field));
  }
}

/**
 * A short glow behind what changed; nothing for those who asked for calm.
 *
 * @param {HTMLElement} cell
 * @param {Direction} direction
 */
function flash(cell, direction) {
  if (direction === "same" || calm.matches) return;
  const from = `var(--flash-${direction})`;
  const frames = [{ backgroundColor: from }, { backgroundColor: "transparent" }];
  cell.animate(frames, { duration: FLASH, easing: "ease-out" });
}
