import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { byRank, origin, parseTick } from "../../../static/js/lib/market.js";

test("a tick keeps its numbers and, beside them, their digits", () => {
  const tick = parseTick('{"id": 1, "quotes": [{"price": 1.50, "market_cap": null}]}');
  assert.equal(tick.quotes[0].price, 1.5);
  assert.match(tick.quotes[0].price_digits, /^1\.50?$/); // older engines drop the zero
  assert.equal(tick.quotes[0].market_cap_digits, null);
});

test("quotes go by rank, and those without one come last as they came", () => {
  const quotes = [["a", null], ["b", 2], ["c", null], ["d", 1]].map(([id, rank]) => ({ id, rank }));
  assert.deepEqual(byRank(quotes).map(({ id }) => id), ["d", "b", "a", "c"]);
});

test("where a price comes from is said as the server says it", () => {
  const cases = JSON.parse(readFileSync(new URL("../../support/format_cases.json", import.meta.url), "utf8"));
  for (const [venues, source, said] of cases.origin) assert.equal(origin(venues, source), said);
  assert.equal(origin(undefined, "coingecko"), "CoinGecko");
});
