/** An alert fires once per crossing: at the tick with which the price comes to be on its side. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { isAlert, isFiring, isMet, judge } from "../../../static/js/alerts/rules.js";

const ABOVE = {
  id: "a",
  coin: "bitcoin",
  name: "Bitcoin",
  side: "above",
  limit: 100,
  currency: "usd",
  met: false,
  fired: null,
};
const BELOW = { ...ABOVE, id: "b", side: "below" };

/** A tick with a price of bitcoin, or without bitcoin. */
function tick(id, price, currency = "usd") {
  const quotes = price === undefined ? [] : [{ id: "bitcoin", price }];
  return { id, currency, quotes: [{ id: "ethereum", price: 1e9 }, ...quotes] };
}

const MINUTE = 60_000;

/** The minutes, from 1, at whose ticks the alert fires. */
function fires(alert, ...prices) {
  return firesEach(MINUTE, alert, ...prices);
}

function firesEach(interval, alert, ...prices) {
  const at = [];
  let alerts = [alert];
  prices.forEach((price, place) => {
    const judged = judge(alerts, tick((place + 1) * interval, price));
    alerts = judged.alerts;
    at.push(...judged.firings.map((firing) => firing.at / interval));
  });
  return at;
}

test("it fires once per crossing and not while the price stays there", () => {
  assert.deepEqual(fires(ABOVE, 99, 101, 102, 103), [2]);
  assert.deepEqual(fires(ABOVE, 99, 101, 99, 101, 99), [2, 4]);
  assert.deepEqual(fires(BELOW, 101, 99, 98, 101, 97), [2, 5]);
});

test("a price that trembles around the limit fires it once a minute at most", () => {
  const trembling = Array.from({ length: 40 }, (_, place) => (place % 2 ? 101 : 99));
  assert.deepEqual(firesEach(5_000, ABOVE, ...trembling), [2, 14, 26, 38]);
});

test("a price at the limit is neither above nor below it", () => {
  assert.deepEqual(fires(ABOVE, 100, 100, 100.01), [3]);
  assert.deepEqual(fires(ABOVE, 101, 100, 101), [1, 3]);
  assert.deepEqual(fires(BELOW, 100, 99.99, 100, 99.99), [2, 4]);
  assert.equal(isMet("above", 1e-18, 1.1e-18), true);
});

test("an alert met from the start waits for the next crossing", () => {
  assert.deepEqual(fires({ ...ABOVE, met: true }, 101, 102), []);
  assert.deepEqual(fires({ ...ABOVE, met: true }, 101, 99, 101), [3]);
});

test("a spike among the ticks missed in a sleep fires once, with its own time and price", () => {
  assert.deepEqual(fires(ABOVE, 99, 150, 99, 99), [2]);
  const { firings } = judge([ABOVE], tick(7, 150));
  assert.deepEqual([firings[0].at, firings[0].price, firings[0].alert.fired], [7, 150, 7]);
});

test("a gap in the data is no crossing, and no reason to forget where the price was", () => {
  assert.deepEqual(fires(ABOVE, 101, undefined, undefined, 102), [1]);
  assert.deepEqual(fires(ABOVE, 99, undefined, 101), [3]);
  const { alerts } = judge([ABOVE], tick(1));
  assert.equal(alerts[0], ABOVE);
});

test("a price in another currency is not compared", () => {
  assert.deepEqual(judge([ABOVE], tick(1, 101, "eur")).firings, []);
});

test("each alert has its own side and limit, and those that stay are left as they are", () => {
  const high = { ...ABOVE, id: "c", limit: 1000 };
  const { alerts, firings } = judge([ABOVE, BELOW, high], tick(5, 101));
  assert.deepEqual(firings.map(({ alert }) => alert.id), ["a"]);
  assert.equal(alerts[0].met, true);
  assert.equal(alerts[1], BELOW);
  assert.equal(alerts[2], high);
});

test("what was stored is taken for an alert only if it is one", () => {
  assert.equal(isAlert(JSON.parse(JSON.stringify(ABOVE))), true);
  const wrong = [{ limit: 0 }, { limit: "100" }, { limit: null }, { side: "beside" }, { coin: 7 }];
  for (const change of [...wrong, { met: null }, { fired: "now" }, { name: undefined }]) {
    assert.equal(isAlert({ ...ABOVE, ...change }), false, JSON.stringify(change));
  }
  for (const other of [null, undefined, "alert", 7, []]) assert.equal(isAlert(other), false);
  assert.equal(isFiring({ alert: ABOVE, price: 101, at: 7 }), true);
  assert.equal(isFiring({ alert: ABOVE, price: 101 }), false);
  assert.equal(isFiring(null), false);
});
