/** Where things stand in the chart, as lines and as words, for prices of all sizes. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { frame } from "../../../static/js/chart/axis.js";
import { areaPath, gapPath, linePath } from "../../../static/js/chart/path.js";
import { Series } from "../../../static/js/chart/series.js";
import { changeOf, priceLabel, summary, timeLabel } from "../../../static/js/chart/labels.js";

process.env.TZ = "Europe/Berlin";

const NOW = 1_795_414_447_352;
const MINUTE = 60_000;
const USD = { code: "usd", symbol: "$", cents: 2 };
const SIZES = [{ width: 1200, height: 380 }, { width: 300, height: 256 }, { width: 40, height: 90 }];

function series(prices, { range = "1h", step = MINUTE } = {}) {
  const begin = NOW - (prices.length - 1) * step;
  const points = prices.map((price, index) => [begin + index * step, price]);
  return new Series({ range, resolution: "tick", points }, 60 * MINUTE, 3 * MINUTE);
}

const CASES = {
  "one point": [97012.5],
  "two points": [97012.5, 97020],
  "two equal points": [1, 1],
  "prices that do not move": Array(50).fill(0.9998),
  "a stablecoin": [0.9998, 1, 1.0001, 0.9999],
  "tiny prices": [1.2e-9, 1.21e-9, 1.19e-9],
  "prices too tiny for zeros": [3.1e-18, 3.2e-18],
  "huge prices": [2.1e12, 2.3e12, 1.9e12],
  "a price of nothing": [0, 0, 0],
  "a fall to nothing": [5, 1e-8, 0],
};

for (const [name, prices] of Object.entries(CASES)) {
  test(`${name}: all is within the drawing, and told apart`, () => {
    for (const size of SIZES) {
      const drawn = frame(series(prices), size);
      for (const [x, y] of drawn.pieces.flat()) {
        assert.ok(x >= 0 && x <= size.width, `x ${x}`);
        assert.ok(y >= 0 && y <= drawn.floor, `y ${y}`);
      }
      const labels = drawn.prices.map(({ label }) => label);
      assert.equal(new Set(labels).size, labels.length, `${labels}`);
      assert.ok(!labels.some((label) => label.includes("-") && !label.includes("E")), `${labels}`);
      for (const { y } of drawn.prices) assert.ok(y >= 0 && y <= drawn.floor);
      assert.ok(!linePath(drawn.pieces).includes("NaN"));
    }
    assert.ok(frame(series(prices), SIZES[0]).prices.length >= 2);
  });
}

test("a pixel finds its time again", () => {
  const drawn = frame(series([1, 2, 3, 4]), SIZES[0]);
  for (const [at, price] of series([1, 2, 3, 4]).points) {
    assert.ok(Math.abs(drawn.timeAt(drawn.spot([at, price])[0]) - at) < 1);
  }
});

test("extremes are marked where something moves", () => {
  assert.equal(frame(series([2, 2]), SIZES[0]).extremes, null);
  const { low, high } = frame(series([2, 1, 3]), SIZES[0]).extremes;
  assert.deepEqual([low[1], high[1]], [1, 3]);
});

test("a gap breaks line and area, and is bridged", () => {
  const pieces = [[[0, 5], [10, 6]], [[50, 7]], [[80, 1], [90, 2]]];
  assert.equal(linePath(pieces), "M0 5L10 6M50 7h0M80 1L90 2");
  assert.equal(areaPath(pieces, 20), "M0 5L10 6L10 20L0 20ZM80 1L90 2L90 20L80 20Z");
  assert.equal(gapPath(pieces), "M10 6L50 7M50 7L80 1");
});

test("prices on the axis have the decimals that their step needs", () => {
  assert.match(priceLabel(97500, 500), /^97.500$/);
  assert.match(priceLabel(0.9998, 0.0001), /^0.9998$/);
  assert.match(priceLabel(1, 0.0001), /^1.0000$/);
  assert.match(priceLabel(1.2e-9, 1e-11), /^0.00000000120$/);
  assert.match(priceLabel(3.15e-18, 5e-20), /^3.15E-18$/);
});

test("midnight is called by its day, January by its year", () => {
  assert.match(timeLabel(+new Date(2026, 10, 23, 0, 0), "minute"), /23/);
  assert.match(timeLabel(+new Date(2026, 10, 23, 14, 30), "minute"), /30/);
  assert.match(timeLabel(+new Date(2026, 0, 1), "month"), /^2026$/);
  assert.doesNotMatch(timeLabel(+new Date(2026, 6, 1), "month"), /2026/);
});

test("a range is told from its first price to its last, with what is missing", () => {
  const hour = series(Array.from({ length: 61 }, (_, index) => 100 + index));
  assert.equal(changeOf(hour).trend, "up");
  assert.match(summary(hour, USD), /^\+60[.,]00\s?% since .*\. Low .*100.*, high .*160.*\.$/);
  assert.match(summary(series([2, 1]), USD), /-50[.,]00.*No earlier prices are known\.$/);
  assert.match(summary(series([2]), USD), /^One price so far/);
  assert.equal(changeOf(series([0, 1])).trend, "same"); // from nothing there is no percentage
});
