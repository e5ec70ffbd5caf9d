/**
 * The table of coins: a row per coin, by the coin's id.
 *
 * Rows that the server wrote are taken over; new ones come from the `<template>`
 * beside the table. Rows move as prices come, but not while the reader points at
 * them or has the focus there; where the reader asks for another order, the row that
 * has the focus stays in the document.
 */

import { glide } from "./glide.js";
import { BY_RANK, matches, sorted, unmoved } from "./order.js";
import { ReaderActivity } from "./reader_activity.js";
import { CoinRow } from "./row.js";

/**
 * @typedef {import("../lib/market.js").Quote} Quote
 * @typedef {import("./order.js").Order} Order
 * @typedef {import("./sparkline.js").Sparkline} Sparkline
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
    /** @type {ReadonlyMap<string, Sparkline>} */
    this.lines = new Map();
    this.activity = new ReaderActivity(body, () => this.#arrange());
    for (const element of body.querySelectorAll("[data-coin]")) {
      const row = new CoinRow(/** @type {HTMLElement} */ (element));
      row.adopt();
      this.rows.set(row.id, row);
    }
  }

  /**
   * Show exactly these quotes: rows are added, removed and moved.
   *
   * @param {readonly Quote[]} quotes
   * @param {import("../lib/format.js").Currency} currency
   */
  show(quotes, currency) {
    this.quotes = quotes;
    const present = new Set(quotes.map((quote) => quote.id));
    for (const [id, row] of this.rows) {
      if (present.has(id)) continue;
      row.element.remove();
      this.rows.delete(id);
    }
    for (const quote of quotes) {
      (this.rows.get(quote.id) ?? this.#add(quote.id)).show(quote, currency);
    }
    if (!this.activity.isActive()) this.#arrange();
  }

  /**
   * Show the coins in an order that the reader chose.
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
   * Show only coins that match; to be called again after each `show`.
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

  /** @param {ReadonlyMap<string, Sparkline>} lines by the coins' ids */
  showSparklines(lines) {
    this.lines = lines;
    for (const [id, row] of this.rows) row.showSparkline(lines.get(id));
  }

  /** Put the rows into their order with as few moves as possible. */
  #arrange() {
    const wanted = [];
    for (const { id } of sorted(this.quotes, this.order, this.favorites)) {
      const row = this.rows.get(id);
      if (row) wanted.push(row.element);
    }
    const places = new Map([...this.body.children].map((element, place) => [element, place]));
    const focused = wanted.findIndex((element) => element.contains(document.activeElement));
    const staying = unmoved(wanted.map((element) => places.get(element) ?? -1), focused);
    if (staying.size === wanted.length) return;
    glide(wanted, () => {
      let next = null;
      for (let index = wanted.length - 1; index >= 0; index--) {
        if (!staying.has(index)) this.body.insertBefore(wanted[index], next);
        next = wanted[index];
      }
    });
  }

  /** @param {string} id */
  #add(id) {
    const blank = this.template.content.firstElementChild;
    if (!blank) throw new Error("the row's template is empty");
    const row = new CoinRow(/** @type {HTMLElement} */ (blank.cloneNode(true)));
    row.fillBlank(id, this.home);
    row.showStar(this.favorites.has(id));
    row.showSparkline(this.lines.get(id));
    this.rows.set(id, row);
    this.body.append(row.element);
    return row;
  }
}
