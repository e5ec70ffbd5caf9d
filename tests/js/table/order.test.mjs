/** The order of the table, and what a search finds. */

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  BY_RANK,
  COLUMNS,
  describe,
  firstOf,
  folded,
  isOrder,
  matches,
  sorted,
  toggled,
  topFavorite,
  unmoved,
} from "../../../static/js/table/order.js";

const coin = (id, values) => ({ id, name: id, symbol: id.slice(0, 3), rank: null, ...values });
const quotes = [
  coin("bitcoin", { rank: 1, price: 97012, change_24h: -1.5, name: "Bitcoin" }),
  coin("ether", { rank: 2, price: 3512, change_24h: null, name: "ether" }),
  coin("tether", { rank: 3, price: 1, change_24h: 0, name: "Tether" }),
  coin("newcomer", { rank: null, price: 3512, change_24h: 40, name: "Äther" }),
];
const ids = (order, favorites = []) =>
  sorted(quotes, order, new Set(favorites)).map(({ id }) => id);

test("by rank, as the server renders; without a rank last", () => {
  assert.deepEqual(ids(BY_RANK), ["bitcoin", "ether", "tether", "newcomer"]);
});

test("what is unknown is last in both directions", () => {
  const up = { column: "change_24h", descending: false };
  assert.deepEqual(ids(up), ["bitcoin", "tether", "newcomer", "ether"]);
  assert.deepEqual(ids({ ...up, descending: true }), ["newcomer", "tether", "bitcoin", "ether"]);
  assert.deepEqual(ids({ ...BY_RANK, descending: true }).at(-1), "newcomer");
});

test("names go by the alphabet, whatever their case and accents", () => {
  const order = { column: "name", descending: false };
  assert.deepEqual(ids(order), ["newcomer", "bitcoin", "ether", "tether"]);
});

test("what is equal goes by rank in both directions", () => {
  for (const descending of [true, false]) {
    const order = ids({ column: "price", descending });
    assert.ok(order.indexOf("ether") < order.indexOf("newcomer"));
  }
});

test("favorites stand on top, sorted among themselves", () => {
  const order = { column: "price", descending: true };
  const favorites = ["tether", "ether"];
  assert.deepEqual(ids(order, favorites), ["ether", "tether", "bitcoin", "newcomer"]);
});

test("the top favorite is the first one in the order", () => {
  const top = (favorites, order = BY_RANK) =>
    topFavorite(quotes, { order, favorites: new Set(favorites) })?.id;
  assert.equal(top(["tether", "ether"]), "ether");
  assert.equal(top(["tether", "ether"], { column: "price", descending: false }), "tether");
  assert.equal(top(["gone"]), undefined);
});

test("sorting leaves its input alone", () => {
  const before = quotes.map(({ id }) => id);
  ids({ column: "price", descending: false });
  assert.deepEqual(quotes.map(({ id }) => id), before);
});

test("a column begins with what is sought most often, and turns when asked again", () => {
  assert.deepEqual(firstOf("name"), { column: "name", descending: false });
  const dear = toggled(BY_RANK, "price");
  assert.deepEqual(dear, { column: "price", descending: true });
  assert.deepEqual(toggled(dear, "price"), { column: "price", descending: false });
  assert.equal(describe(dear), "price, descending");
});

test("only an order is an order", () => {
  for (const column of Object.keys(COLUMNS)) assert.ok(isOrder({ column, descending: true }));
  for (const other of [null, undefined, 7, "rank", {}, { column: "rank" }, { column: "toString", descending: true }]) {
    assert.ok(!isOrder(other));
  }
});

test("a search finds in name, symbol and id, whatever the case and accents", () => {
  const one = { id: "internet-computer", name: "Ínternet Computer", symbol: "icp" };
  for (const text of ["inter", "ICP", "net-comp", "  ÍNTERNET c", ""]) {
    assert.ok(matches(one, folded(text)), text);
  }
  assert.ok(!matches(one, folded("bitcoin")));
});

test("as many as possible stay in place when others move", () => {
  assert.deepEqual([...unmoved([0, 1, 2, 3])].sort(), [0, 1, 2, 3]);
  assert.deepEqual([...unmoved([3, 0, 1, 2])].sort(), [1, 2, 3]); // the last one goes to the top
  assert.deepEqual([...unmoved([1, 2, 3, 0])].sort(), [0, 1, 2]);
  assert.deepEqual([...unmoved([0, -1, 1])].sort(), [0, 2]); // one is new
  assert.equal(unmoved([4, 3, 2, 1, 0]).size, 1);
});

test("one that must stay does, and others stay with it where they can", () => {
  assert.deepEqual([...unmoved([3, 0, 1, 2], 0)], [0]);
  assert.deepEqual([...unmoved([2, 0, 1, 3], 0)].sort(), [0, 3]);
  assert.deepEqual([...unmoved([1, 0, 2], -1)].length, 2);
});

test("moving the others makes the order that is wanted, for any order", () => {
  const chance = (n) => Math.floor(Math.random() * n);
  for (let round = 0; round < 200; round++) {
    const size = 1 + chance(12);
    const places = [...Array(size).keys()].sort(() => Math.random() - 0.5);
    const still = chance(size);
    const staying = unmoved(places, still);
    assert.ok(staying.has(still));
    const kept = places.filter((_, index) => staying.has(index));
    assert.deepEqual(kept, [...kept].sort((one, other) => one - other));
  }
});
