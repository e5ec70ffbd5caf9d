/** The week's small line. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { HEIGHT, sparkline as line, WEEK_MS, WIDTH } from "../../../static/js/table/sparkline.js";

const END = 1_795_414_447_352;
const day = (n, price) => [END - n * (WEEK_MS / 7), price];
const steps = (path) => path.slice(1).split("L").map((step) => step.split(" ").map(Number));

test("a whole week goes from side to side, the highest price highest", () => {
  const { path, trend } = line([day(7, 10), day(3.5, 30), day(0, 20)], END);
  const [first, middle, last] = steps(path);
  assert.deepEqual([first[0], middle[0], last[0]], [0, WIDTH / 2, WIDTH]);
  assert.ok(middle[1] < last[1] && last[1] < first[1]);
  assert.ok(middle[1] > 0 && first[1] < HEIGHT);
  assert.equal(trend, "up");
});

test("a young coin's line begins where its history does", () => {
  assert.equal(steps(line([day(3.5, 2), day(0, 1)], END).path)[0][0], WIDTH / 2);
});

test("what is older than a week does not leave the box", () => {
  assert.equal(steps(line([day(9, 2), day(0, 1)], END).path)[0][0], 0);
});

test("a line that does not move is flat in the middle and goes nowhere", () => {
  const { path, trend } = line([day(7, 1), day(0, 1)], END);
  assert.deepEqual(steps(path).map(([, y]) => y), [HEIGHT / 2, HEIGHT / 2]);
  assert.equal(trend, "same");
});

test("down is down, also from tiny prices", () => {
  assert.equal(line([day(7, 1.3e-9), day(0, 1.2e-9)], END).trend, "down");
  assert.ok(!line([day(7, 0), day(0, 1)], END).path.includes("NaN"));
});

test("of one point, or none, there is no line", () => {
  assert.equal(line([], END), null);
  assert.equal(line([day(0, 1)], END), null);
});
