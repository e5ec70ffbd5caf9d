/** Round times on the axis, also on days of 23 and 25 hours. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { timeTicks } from "../../../static/js/chart/times.js";

process.env.TZ = "Europe/Berlin";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const at = (text) => +new Date(text);
const named = (times) =>
  times.map((time) => new Date(time).toLocaleString("sv-SE").slice(0, 16).replace("T", " "));

test("an hour is cut at round minutes", () => {
  const { step, times } = timeTicks(at("2026-11-23T12:03:20"), at("2026-11-23T13:03:20"), 7);
  assert.equal(step.count, 10);
  assert.deepEqual(named(times).map((name) => name.slice(11)), [
    "12:10", "12:20", "12:30", "12:40", "12:50", "13:00",
  ]);
});

test("a day is cut at hours of the reader's clock, and has its midnight", () => {
  const { times } = timeTicks(at("2026-11-22T13:30"), at("2026-11-23T13:30"), 4);
  assert.deepEqual(named(times), [
    "2026-11-22 18:00", "2026-11-23 00:00", "2026-11-23 06:00", "2026-11-23 12:00",
  ]);
});

test("a week of Sundays begins on Monday, a year on firsts of a month", () => {
  const month = timeTicks(at("2026-10-24T14:00"), at("2026-11-23T14:00"), 4.5);
  assert.deepEqual(named(month.times).map((name) => name.slice(0, 10)), [
    "2026-10-26", "2026-11-02", "2026-11-09", "2026-11-16", "2026-11-23",
  ]);
  const year = timeTicks(at("2025-11-23T14:00"), at("2026-11-23T14:00"), 5);
  assert.deepEqual(named(year.times), [
    "2026-01-01 00:00", "2026-04-01 00:00", "2026-07-01 00:00", "2026-10-01 00:00",
  ]);
});

test("ticks stay where they are as the chart moves on", () => {
  for (const length of [HOUR, DAY, 7 * DAY, 30 * DAY, 365 * DAY]) {
    const begin = at("2026-05-05T05:05");
    const before = timeTicks(begin, begin + length, 6).times;
    const after = timeTicks(begin + length / 50, begin + length * 1.02, 6).times;
    const shared = before.filter((time) => time >= begin + length / 50);
    assert.deepEqual(after.slice(0, shared.length), shared);
  }
});

test("the hour that is repeated in autumn is cut like any other, and so is its chart's day", () => {
  const minutes = (times) => named(times).map((name) => name.slice(11)).join(" ");
  const change = at("2026-10-25T01:00:00Z");
  for (const [begin, length, most, expected] of [
    [change - 30 * 60_000, HOUR, 7, "02:30 02:40 02:50 02:00 02:10 02:20 02:30"],
    [change + 200_000, HOUR, 7, "02:10 02:20 02:30 02:40 02:50 03:00"],
    [change - HOUR, 2 * HOUR, 5, "02:00 02:30 02:00 02:30 03:00"],
  ]) {
    const { times } = timeTicks(begin, begin + length, most);
    assert.equal(minutes(times), expected);
    assert.equal(new Set(times.slice(1).map((time, index) => time - times[index])).size, 1);
  }
  for (let begin = change - 2 * HOUR; begin < change + 2 * HOUR; begin += 7 * 60_000) {
    assert.ok(timeTicks(begin, begin + HOUR, 7).times.length >= 5, named([begin])[0]);
  }
});

test("a day of 23 hours has no hour twice, one of 25 has", () => {
  const spring = timeTicks(at("2026-03-28T23:30"), at("2026-03-29T06:30"), 8).times;
  assert.deepEqual(named(spring).map((name) => name.slice(11)), [
    "00:00", "01:00", "03:00", "04:00", "05:00", "06:00",
  ]);
  assert.equal(new Set(spring).size, spring.length);
  const autumn = timeTicks(at("2026-10-25T00:30"), at("2026-10-25T07:30"), 9).times;
  assert.deepEqual(named(autumn).map((name) => name.slice(11)), [
    "01:00", "02:00", "02:00", "03:00", "04:00", "05:00", "06:00", "07:00",
  ]);
});

test("days are midnights across a change of the clock", () => {
  for (const begin of ["2026-03-25T10:00", "2026-10-21T10:00"]) {
    const { times } = timeTicks(at(begin), at(begin) + 7 * DAY, 8);
    assert.equal(times.length, 7);
    for (const time of times) assert.equal(new Date(time).getHours(), 0);
  }
});

test("whatever the range and the room, ticks rise within it and are not too many", () => {
  for (let length = 60_000; length < 20 * 365 * DAY; length *= 1.7) {
    for (const most of [0.5, 3, 8, 14]) {
      for (const begin of [at("2026-03-29T01:59:59"), at("2026-10-25T02:30"), 0]) {
        const { times } = timeTicks(begin, begin + length, most);
        assert.ok(times.length <= most + 2, `${times.length} of ${most}`);
        times.forEach((time, index) => {
          assert.ok(time >= begin && time <= begin + length);
          assert.ok(index === 0 || time > times[index - 1]);
        });
      }
    }
  }
});

test("a moment, and no moment at all, have an end", () => {
  assert.ok(timeTicks(5, 5, 4).times.length <= 1);
  assert.deepEqual(timeTicks(NaN, NaN, 4).times, []);
});
