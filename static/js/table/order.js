/**
 * In which order coins stand, and which of them are looked for. Pure: no DOM.
 *
 * Whatever the order: favorites stand on top, what is unknown stands last, and
 * what is equal stands by rank, else as it came.
 *
 * @typedef {import("../lib/market.js").Quote} Quote
 * @typedef {keyof typeof COLUMNS} Column
 *
 * @typedef {object} Order
 * @property {Column} column
 * @property {boolean} descending
 */

/** What can be sorted by, as it is called in a sentence. */
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

/** @type {Order} as the server paints */
export const BY_RANK = { column: "rank", descending: false };

const names = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/**
 * Whether a value from outside is an order.
 *
 * @param {any} value
 * @returns {boolean}
 */
export function isOrder(value) {
  return Object.hasOwn(COLUMNS, value?.column) && typeof value.descending === "boolean";
}

/**
 * How one begins to sort by *column*: with what is sought most often, so the
 * largest numbers.
 *
 * @param {Column} column
 * @returns {Order}
 */
export function firstOf(column) {
  return { column, descending: column !== "rank" && column !== "name" };
}

/**
 * The order after somebody has asked for *column*; asked again, the reverse.
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
export function inWords({ column, descending }) {
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
 * A text without what people leave out when they search: case, accents, spaces around.
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
 * Which of many may stay where they are while the others are moved around them:
 * as many as possible, and *still* among them (the longest increasing subsequence).
 *
 * @param {readonly number[]} places where each one is now, in the order wanted; -1 is nowhere
 * @param {number} [still] the index of one that must not be moved
 * @returns {Set<number>} indexes
 */
export function unmoved(places, still = -1) {
  /** @type {number[]} for each length the index of the smallest end */
  const ends = [];
  /** @type {(number | undefined)[]} */
  const before = [];
  places.forEach((place, index) => {
    if (place < 0 || !agree(places, index, still)) return;
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
 * Whether two stand already as they should to each other.
 *
 * @param {readonly number[]} places
 * @param {number} one
 * @param {number} other
 */
function agree(places, one, other) {
  const fixed = places[other] ?? -1;
  return fixed < 0 || Math.sign(one - other) === Math.sign(places[one] - fixed);
}
