/**
 * The table of coins: a row per coin, kept by the coin's id, in order of rank.
 *
 * An update touches only what changed. Rows that the server wrote are taken
 * over as they are; new ones come from the `<template>` beside the table.
 */

import { setData, setText, setTitle } from "../dom.js";
import { big, exact, percent, price, trend, UNKNOWN } from "../format.js";
import { adoptIcon, showIcon } from "../icons.js";
import { byRank } from "../market.js";

/**
 * @typedef {import("../format.js").Currency} Currency
 * @typedef {import("../market.js").Direction} Direction
 * @typedef {import("../market.js").Quote} Quote
 */

const ARROWS = { up: "▲", down: "▼", same: "" };
const SPOKEN = { up: "up", down: "down", same: "unchanged" };
const FLASH = 900; // ms; shorter than the shortest interval

const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class CoinTable {
  /**
   * @param {HTMLElement} body the rows' parent
   * @param {HTMLTemplateElement} template a blank row
   */
  constructor(body, template) {
    this.body = body;
    this.template = template;
    /** @type {Map<string, CoinRow>} */
    this.rows = new Map();
    for (const element of body.querySelectorAll("[data-coin]")) {
      const row = new CoinRow(/** @type {HTMLElement} */ (element));
      row.adopt();
      this.rows.set(row.id, row);
    }
  }

  /**
   * Show exactly these quotes: coins come, go and change places.
   *
   * @param {Quote[]} quotes
   * @param {Currency} currency
   */
  show(quotes, currency) {
    const present = new Set(quotes.map((quote) => quote.id));
    for (const [id, row] of this.rows) {
      if (!present.has(id)) this.#remove(id, row);
    }
    let next = this.body.firstElementChild;
    for (const quote of byRank(quotes)) {
      const row = this.rows.get(quote.id) ?? this.#add(quote.id);
      row.show(quote, currency);
      if (row.element === next) next = next.nextElementSibling;
      else this.body.insertBefore(row.element, next);
    }
  }

  /** @param {string} id */
  #add(id) {
    const blank = this.template.content.firstElementChild;
    if (!blank) throw new Error("the row's template is empty");
    const row = new CoinRow(/** @type {HTMLElement} */ (blank.cloneNode(true)));
    row.id = id;
    this.rows.set(id, row);
    return row;
  }

  /**
   * @param {string} id
   * @param {CoinRow} row
   */
  #remove(id, row) {
    row.element.remove();
    this.rows.delete(id);
  }
}

class CoinRow {
  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    this.rank = part(element, "[data-field=rank]");
    this.icon = part(element, "[data-icon]");
    this.name = part(element, "[data-name]");
    this.symbol = part(element, "[data-symbol]");
    this.price = part(element, "[data-field=price]");
    this.arrow = part(element, "[data-arrow]");
    this.amount = part(element, "[data-amount]");
    this.spoken = part(element, "[data-spoken]");
    this.change = part(element, "[data-field=change_24h]");
    this.cap = part(element, "[data-field=market_cap]");
  }

  get id() {
    return this.element.dataset.coin ?? "";
  }

  set id(id) {
    this.element.dataset.coin = id;
  }

  adopt() {
    adoptIcon(this.icon, this.symbol.textContent ?? "");
  }

  /**
   * @param {Quote} quote
   * @param {Currency} currency
   */
  show(quote, currency) {
    setText(this.rank, quote.rank === null ? UNKNOWN : String(quote.rank));
    showIcon(this.icon, quote.image, quote.symbol);
    setText(this.name, quote.name);
    setTitle(this.name, quote.name);
    setText(this.symbol, quote.symbol.toUpperCase());
    setText(this.change, percent(quote.change_24h));
    setData(this.change, "trend", trend(quote.change_24h));
    setText(this.cap, big(quote.market_cap, currency));
    setTitle(this.cap, exact(quote.market_cap_digits, currency));
    this.#showPrice(quote, currency);
  }

  /**
   * @param {Quote} quote
   * @param {Currency} currency
   */
  #showPrice(quote, currency) {
    const { direction } = quote;
    setData(this.element, "direction", direction);
    setText(this.arrow, ARROWS[direction]);
    setText(this.spoken, SPOKEN[direction]);
    setText(this.amount, price(quote.price, currency));
    setTitle(this.price, exact(quote.price_digits, currency));
    if (direction !== "same") flash(this.price, direction);
  }
}

/**
 * A short glow behind what changed; nothing for those who asked for calm.
 *
 * @param {HTMLElement} cell
 * @param {Direction} direction
 */
function flash(cell, direction) {
  if (calm.matches) return;
  const from = `var(--flash-${direction})`;
  const frames = [{ backgroundColor: from }, { backgroundColor: "transparent" }];
  cell.animate(frames, { duration: FLASH, easing: "ease-out" });
}

/**
 * @param {HTMLElement} element
 * @param {string} selector
 */
function part(element, selector) {
  const found = element.querySelector(selector);
  if (!(found instanceof HTMLElement)) throw new Error(`the row has no ${selector}`);
  return found;
}
