/** Round prices between any two prices, and where they stand. */

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  decimalsOf,
  linear,
  niceStep,
  priceSpan,
  priceTicks,
  widened,
} from "../../../static/js/chart/scale.js";

test("a step is the smallest round one of which no more than that fit", () => {
  assert.equal(niceStep(1000, 5), 200);
  assert.equal(niceStep(1100, 5), 250);
  assert.equal(niceStep(4.9e-11, 5), 1e-11);
  assert.equal(niceStep(3, 10), 0.5);
  assert.equal(niceStep(1, 0), 1);
});

test("ticks are round numbers without a tail of digits", () => {
  assert.deepEqual(priceTicks({ low: 0.99975, high: 1.00015 }, 4), {
    step: 0.0001,
    values: [0.9998, 0.9999, 1, 1.0001],
  });
  assert.deepEqual(priceTicks({ low: 1.18e-9, high: 1.22e-9 }, 4).values, [
    1.18e-9, 1.19e-9, 1.2e-9, 1.21e-9, 1.22e-9,
  ]);
});

test("whatever the prices, a few ticks lie within, apart by the step", () => {
  for (let power = -12; power <= 14; power++) {
    for (const [low, width] of [[1, 0.5], [1, 1e-5], [7.3, 88], [0, 3], [9.99, 0.02]]) {
      const span = { low: low * 10 ** power, high: (low + width) * 10 ** power };
      for (const most of [2, 5, 9]) {
        const { step, values } = priceTicks(span, most);
        assert.ok(values.length <= most + 1, `${values} of ${most}`);
        assert.ok(most < 4 || values.length >= 2, `${values} in ${span.low} to ${span.high}`);
        for (const value of values) {
          assert.ok(value >= span.low - step * 1e-6 && value <= span.high + step * 1e-6);
          assert.ok(value.toFixed(Math.min(100, decimalsOf(step))) * 1 === value, `${value}`);
        }
      }
    }
  }
});

test("decimals are as many as tell neighbours apart", () => {
  const cases = [[1000, 0], [1, 0], [0.25, 2], [0.5, 1], [2e-10, 10], [2.5e-9, 10], [20, 0]];
  for (const [step, decimals] of cases) assert.equal(decimalsOf(step), decimals, `${step}`);
});

test("prices that do not move are in the middle", () => {
  for (const price of [1.2e-9, 1, 97012.5, 0]) {
    const { low, high } = priceSpan(price, price);
    assert.ok(low <= price && high > price && low >= 0, `${price}`);
  }
  const { low, high } = priceSpan(100, 100);
  assert.equal((low + high) / 2, 100);
});

test("a price that moves in its sixth digit does move", () => {
  assert.deepEqual(priceSpan(1, 1.000001), { low: 1, high: 1.000001 });
});

test("an axis is never negative", () => {
  assert.equal(widened({ low: 1, high: 100 }, 100, 30, 10).low, 0);
  assert.equal(widened({ low: 1000, high: 1100 }, 100, 30, 10).low, 970);
});

test("a span of nothing is all in the middle", () => {
  assert.equal(linear({ low: 5, high: 5 }, 0, 100)(5), 50);
  assert.equal(linear({ low: 0, high: 10 }, 100, 0)(2.5), 75);
});
