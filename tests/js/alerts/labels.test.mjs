/** What is said about alerts is true whenever it is read. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { amount, confirmation, description, standing } from "../../../static/js/alerts/labels.js";

const ALERT = {
  id: "a",
  coin: "bitcoin",
  name: "Bitcoin",
  side: "above",
  limit: 100,
  currency: "usd",
  met: false,
  fired: null,
};
const TICK = { id: 1, currency: "usd", quotes: [{ id: "bitcoin", price: 99 }] };

test("a limit is said with all its digits", () => {
  const decimal = new Intl.NumberFormat().formatToParts(0.5)[1].value;
  assert.equal(amount(0.0000000012, "usd"), `0${decimal}0000000012 USD`);
  assert.equal(description({ ...ALERT, side: "below" }), "Bitcoin below 100 USD");
});

test("an alert says whether it waits, is met, or is not followed", () => {
  assert.equal(standing(ALERT, TICK), "Waiting.");
  assert.match(standing({ ...ALERT, met: true }, TICK), /^Above it now; .* fallen back\.$/);
  assert.match(standing({ ...ALERT, side: "below", met: true }, TICK), /^Below it now; /);
  assert.match(standing({ ...ALERT, fired: 1 }, TICK), /^Waiting\. Last fired at .*1970/);
  assert.equal(standing(ALERT, { ...TICK, quotes: [] }), "Not followed now.");
  assert.equal(standing(ALERT, { ...TICK, currency: "eur" }), "Not followed now.");
  assert.equal(standing(ALERT, null), "Waiting.");
});

test("an alert that is met already when it is set says so", () => {
  assert.equal(confirmation(ALERT), "Set: Bitcoin above 100 USD.");
  assert.match(confirmation({ ...ALERT, met: true }), /is above 100 USD already: .*rises above it\.$/);
});
