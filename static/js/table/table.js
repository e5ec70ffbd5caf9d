/**
 * The table of coins: a row per coin, kept by the coin's id.
 *
 * Rows that the server wrote are taken over as they are; new ones come from the
 * `<template>` beside the table. Rows change places as prices come, but not under
 * the reader's hand, and the row that has the focus is never the one that is moved.
 */

import { Hand } from "./pointer_activity.js";
import { BY_RANK, matches, sorted, unmoved } from "./order.js";
import { CoinRow } from "./row.js";

/**
 * @typedef {import("../lib/format.js").Currency} Currency
 * @typedef {import("../lib/market.js").Quote} Quote
 * @typedef {import("./order.js").Order} Order
 * @typedef {import("./sparkline.js").Line} Line
 */

export class CoinTable {
  /**
   * @param {HTMLElement} body the rows' parent
   * @param {HTMLTemplateElement} template a blank row
   */
  constructor(body, template) {
    this.body = body;
    this.template = template;
    this.home = body.dataset.rows ?? "";
    /** @type {Map<string, CoinRow>} */
    this.rows = new Map();
    /** @type {readonly Quote[]} */
    this.quotes = [];
    /** @type {Order} */
    this.order = BY_RANK;
    /** @type {ReadonlySet<string>} */
    this.favorites = new Set();
    /** @type {ReadonlyMap<string, Line>} */
    this.lines = new Map();
    this.hand = new Hand(body, () => this.#arrange());
    for (const element of body.querySelectorAll("[data-coin]")) {
      const row = new CoinRow(/** @type {HTMLElement} */ (element));
      row.adopt();
      this.rows.set(row.id, row);
    }
  }

  /**
   * Show exactly these quotes: coins come, go and change places.
   *
   * @param {readonly Quote[]} quotes
   * @param {Currency} currency
   */
  show(quotes, currency) {
    this.quotes = quotes;
    const present = new Set(quotes.map((quote) => quote.id));
    for (const [id, row] of this.rows) {
      if (!present.has(id)) this.#remove(id, row);
    }
    for (const quote of quotes) {
      (this.rows.get(quote.id) ?? this.#add(quote.id)).show(quote, currency);
    }
    if (!this.hand.isOn()) this.#arrange();
  }

  /**
   * Show the coins in another order, because the reader asked for it.
   *
   * @param {Order} order
   * @param {ReadonlySet<string>} favorites
   */
  sort(order, favorites) {
    this.order = order;
    this.favorites = favorites;
    for (const [id, row] of this.rows) row.showStar(favorites.has(id));
    this.#arrange();
  }

  /**
   * Show only coins that match; to be said again after each `show`.
   *
   * @param {string} needle folded
   * @returns {number} how many do
   */
  search(needle) {
    let count = 0;
    for (const quote of this.quotes) {
      const row = this.rows.get(quote.id);
      const isFound = matches(quote, needle);
      if (row && row.element.hidden === isFound) row.element.hidden = !isFound;
      count += Number(isFound);
    }
    return count;
  }

  /** @param {ReadonlyMap<string, Line>} lines by the coins' ids */
  draw(lines) {
    this.lines = lines;
    for (const [id, row] of this.rows) row.showLine(lines.get(id));
  }

  /** Put the rows into their order with as few moves as can be. */
  #arrange() {
    const wanted = [];
    for (const { id } of sorted(this.quotes, this.order, this.favorites)) {
      const row = this.rows.get(id);
      if (row) wanted.push(row.element);
    }
    const places = new Map([...this.body.children].map((element, place) => [element, place]));
    const focused = wanted.findIndex((element) => element.contains(document.activeElement));
    const staying = unmoved(wanted.map((element) => places.get(element) ?? -1), focused);
    let next = null;
    for (let index = wanted.length - 1; index >= 0; index--) {
      if (!staying.has(index)) this.body.insertBefore(wanted[index], next);
      next = wanted[index];
    }
  }

  /** @param {string} id */
  #add(id) {
    const blank = this.template.content.firstElementChild;
    if (!blank) throw new Error("the row's template is empty");
    const row = new CoinRow(/** @type {HTMLElement} */ (blank.cloneNode(true)));
    row.become(id, this.home);
    row.showStar(this.favorites.has(id));
    row.showLine(this.lines.get(id));
    this.rows.set(id, row);
    this.body.append(row.element);
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
