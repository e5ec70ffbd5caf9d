/** The chart's points: they grow, age, thin out and break where nothing is known. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { downsample, gapOf, highest, lowest, Series } from "../../../static/js/chart/series.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const RANGES = { "1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "1y": 365 * DAY };
const NOW = 1_795_414_447_352;
const series = (range, points = [], staleAfter = 180_000) =>
  new Series({ range, resolution: "tick", points }, RANGES[range], staleAfter);

/** A walk that is the same each time. */
function walk(count, step, begin = NOW) {
  let seed = 7;
  return Array.from({ length: count }, (_, index) => {
    seed = (seed * 16807) % 2147483647;
    return [begin + index * step, 100 + (seed % 1000) / 10];
  });
}

test("a tick is one more point, and only a newer one", () => {
  const one = series("1h", [[NOW, 1]]);
  assert.equal(one.add(NOW + 60_000, 2), true);
  assert.equal(one.add(NOW + 60_000, 3), false);
  assert.equal(one.add(NOW, 3), false);
  assert.deepEqual(one.points, [[NOW, 1], [NOW + 60_000, 2]]);
});

test("what has left the range is dropped", () => {
  const one = series("1h", [[NOW - HOUR + 1, 1], [NOW - 5, 2]]);
  one.add(NOW, 3);
  assert.equal(one.points.length, 3);
  one.add(NOW + 60_000, 4);
  assert.deepEqual(one.points[0], [NOW - 5, 2]);
});

test("the past that was given is not changed", () => {
  const points = [[NOW, 1]];
  series("1h", points).add(NOW + 1, 2);
  assert.deepEqual(points, [[NOW, 1]]);
});

test("a whole range of ticks takes no more room than a chart has", () => {
  for (const range of Object.keys(RANGES)) {
    const one = series(range, downsample(walk(2000, RANGES[range] / 2000, NOW - RANGES[range]), 500));
    let most = 0;
    for (const [at, price] of walk(8_000, RANGES[range] / 8_000)) {
      one.add(at, price);
      most = Math.max(most, one.points.length);
    }
    assert.ok(most <= 1000, `${range}: ${most}`);
  }
});

test("the lowest, the highest and the newest stay, however many come", () => {
  for (const range of ["1h", "24h", "1y"]) {
    const one = series(range);
    const ticks = walk(1500, 2_000);
    for (const [at, price] of ticks) one.add(at, price);
    assert.deepEqual(lowest(one.points)[1], lowest(ticks)[1]);
    assert.deepEqual(highest(one.points)[1], highest(ticks)[1]);
    assert.deepEqual(one.last, ticks[ticks.length - 1]);
  }
});

test("in a long range the newest point moves on instead of being followed", () => {
  const one = series("1y", [[NOW - 100 * HOUR, 1]]);
  for (let count = 0; count < 500; count++) one.add(NOW + count * 2_000, 5);
  assert.ok(one.points.length <= 7, `${one.points.length}`);
  assert.equal(one.last[0], NOW + 499 * 2_000);
});

test("a silence is a gap, the usual distance is none", () => {
  const minute = 60_000;
  const one = series("1h", [0, 1, 2, 30, 31, 50].map((count) => [NOW + count * minute, 1]));
  assert.deepEqual(one.pieces().map((piece) => piece.length), [3, 2, 1]);
  assert.deepEqual(series("1h").pieces(), []);
});

test("points that were made of hours may be an hour and a half apart", () => {
  assert.ok(gapOf(RANGES["24h"], "hour", 180_000) > 1.5 * HOUR);
  assert.ok(gapOf(RANGES["24h"], "tick", 180_000) < 0.5 * HOUR);
  assert.ok(gapOf(RANGES["1y"], "hour", 180_000) > 4 * 24 * HOUR);
});

test("the nearest point in time is found", () => {
  const one = series("1h", [[NOW, 1], [NOW + 10, 2], [NOW + 30, 3]]);
  const cases = [[-99, 0], [0, 0], [4, 0], [6, 1], [19, 1], [21, 2], [999, 2]];
  for (const [at, index] of cases) assert.equal(one.nearest(NOW + at), index, `${at}`);
  assert.equal(series("1h").nearest(NOW), -1);
});

test("fewer points keep first, last, lowest and highest, in order", () => {
  for (const count of [0, 1, 2, 59, 60, 61, 62, 500, 1234]) {
    for (const most of [4, 60]) {
      const points = walk(count, 1000);
      const few = downsample(points, most);
      assert.ok(few.length <= most && few.length <= count);
      if (!count) continue;
      assert.deepEqual([few[0], few.at(-1)], [points[0], points.at(-1)]);
      assert.equal(lowest(few)[1], lowest(points)[1]);
      assert.equal(highest(few)[1], highest(points)[1]);
      few.forEach((point, index) => assert.ok(!index || point[0] > few[index - 1][0]));
    }
  }
});
