/** The table's order and favorites, kept in the browser and the same in all its tabs. */

import { onChange, read, write } from "../lib/prefs.js";
import { BY_RANK, isOrder } from "./order.js";

/** @typedef {import("./order.js").Order} Order */

const ORDER = "order";
const FAVORITES = "favorites";

export class Preferences {
  order = BY_RANK;
  /** @type {ReadonlySet<string>} ids */
  favorites = new Set();

  /** @param {() => void} changed called after each change, of this tab or another */
  constructor(changed) {
    this.changed = changed;
    this.#read();
    for (const key of [ORDER, FAVORITES]) {
      onChange(key, () => {
        this.#read();
        changed();
      });
    }
  }

  /** @param {Order} order */
  sortBy(order) {
    this.order = order;
    write(ORDER, order);
    this.changed();
  }

  /**
   * Make a coin a favorite, or no longer one.
   *
   * @param {string} id
   * @returns {boolean} whether it is one now
   */
  toggleFavorite(id) {
    const favorites = new Set(this.favorites);
    if (!favorites.delete(id)) favorites.add(id);
    this.favorites = favorites;
    write(FAVORITES, [...favorites]);
    this.changed();
    return favorites.has(id);
  }

  #read() {
    this.order = read(ORDER, BY_RANK, isOrder);
    this.favorites = new Set(read(FAVORITES, /** @type {string[]} */ ([]), isListOfStrings));
  }
}

/** @param {unknown} value */
function isListOfStrings(value) {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
