/**
 * The order of coins, and the search among them. Pure: no DOM.
 *
 * In every order favorites come first and unknown values last; equal ones are
 * ordered by rank, else as they came.
 *
 * @typedef {import("../lib/market.js").Quote} Quote
 * @typedef {keyof typeof COLUMNS} Column
 *
 * @typedef {object} Order
 * @property {Column} column
 * @property {boolean} descending
 */

/** The columns to sort by, as a sentence names them. */
export const COLUMNS = {
  rank: "rank",
  name: "name",
  price: "price",
  change_1h: "1-hour change",
  change_24h: "24-hour change",
  change_7d: "7-day change",
  market_cap: "market cap",
  volume_24h: "24-hour volume",
};

/** @type {Order} the server's */
export const BY_RANK = { column: "rank", descending: false };

const names = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/**
 * Whether a stored value is an order.
 *
 * @param {any} value
 * @returns {boolean}
 */
export function isOrder(value) {
  return Object.hasOwn(COLUMNS, value?.column) && typeof value.descending === "boolean";
}

/**
 * The order in which a column is sorted first: the largest numbers on top.
 *
 * @param {Column} column
 * @returns {Order}
 */
export function firstOf(column) {
  return { column, descending: column !== "rank" && column !== "name" };
}

/**
 * The order after a click on *column*; a second click reverses it.
 *
 * @param {Order} order
 * @param {Column} column
 * @returns {Order}
 */
export function toggled(order, column) {
  if (order.column !== column) return firstOf(column);
  return { column, descending: !order.descending };
}

/**
 * @param {Order} order
 * @returns {string} for a sentence: "price, descending"
 */
export function describe({ column, descending }) {
  return `${COLUMNS[column]}, ${descending ? "descending" : "ascending"}`;
}

/**
 * @param {readonly Quote[]} quotes
 * @param {Order} order
 * @param {ReadonlySet<string>} favorites ids
 * @returns {Quote[]}
 */
export function sorted(quotes, { column, descending }, favorites) {
  return [...quotes].sort(
    (one, other) =>
      Number(favorites.has(other.id)) - Number(favorites.has(one.id)) ||
      compare(one[column], other[column], descending) ||
      compare(one.rank, other.rank, false),
  );
}

/**
 * The favorite that comes first in an order.
 *
 * @param {readonly Quote[]} quotes
 * @param {{order: Order, favorites: ReadonlySet<string>}} preferences
 * @returns {Quote | undefined} undefined without a favorite among the quotes
 */
export function topFavorite(quotes, { order, favorites }) {
  return sorted(quotes.filter(({ id }) => favorites.has(id)), order, favorites)[0];
}

/**
 * @param {string | number | null} one
 * @param {string | number | null} other
 * @param {boolean} descending
 */
function compare(one, other, descending) {
  if (one === null || other === null) return Number(one === null) - Number(other === null);
  const difference =
    typeof one === "string" ? names.compare(one, String(other)) : one - Number(other);
  return descending ? -difference : difference;
}

/**
 * A text as people type it when they search: without case, accents, spaces around.
 *
 * @param {string} text
 */
export function folded(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();
}

/**
 * @param {Pick<Quote, "id" | "name" | "symbol">} quote
 * @param {string} needle folded
 */
export function matches({ id, name, symbol }, needle) {
  return needle === "" || [name, symbol, id].some((text) => folded(text).includes(needle));
}

/**
 * The longest increasing subsequence: the rows that may stay while the others move
 * around them.
 *
 * @param {readonly number[]} places each row's place now, in the order wanted; -1 is nowhere
 * @param {number} [fixed] the index of a row that must stay
 * @returns {Set<number>} indexes
 */
export function unmoved(places, fixed = -1) {
  /** @type {number[]} for each length the index of the smallest end */
  const ends = [];
  /** @type {(number | undefined)[]} */
  const before = [];
  places.forEach((place, index) => {
    if (place < 0 || !isInOrder(places, index, fixed)) return;
    const longer = ends.findIndex((end) => places[end] > place);
    const length = longer < 0 ? ends.length : longer;
    before[index] = ends[length - 1];
    ends[length] = index;
  });
  const found = new Set();
  for (let index = ends.at(-1); index !== undefined; index = before[index]) found.add(index);
  return found;
}

/**
 * Whether two rows already have the order that they should have.
 *
 * @param {readonly number[]} places
 * @param {number} one
 * @param {number} other
 */
function isInOrder(places, one, other) {
  const place = places[other] ?? -1;
  return place < 0 || Math.sign(one - other) === Math.sign(places[one] - place);
}
