import assert from "node:assert/strict";
import { test } from "node:test";

import { headline } from "../../../static/js/table/document_title.js";
import { BY_RANK } from "../../../static/js/table/order.js";

const usd = { code: "usd", symbol: "$", cents: 2 };
const quotes = [
  { id: "bitcoin", symbol: "btc", rank: 1, price: 500, direction: "up" },
  { id: "ether", symbol: "eth", rank: 2, price: 600, direction: "same" },
];
const title = (favorites, order = BY_RANK) =>
  headline(quotes, usd, { order, favorites: new Set(favorites) });

test("the title has the price of the favorite that stands on top", () => {
  assert.match(title(["ether", "bitcoin"]), /^▲ .*500.* BTC · Crypto Tracker$/);
  const dear = { column: "price", descending: true };
  assert.match(title(["ether", "bitcoin"], dear), /^\D?600.* ETH · /);
});

test("without a favorite among the coins there is nothing to say", () => {
  assert.equal(title([]), null);
  assert.equal(title(["gone"]), null);
});
