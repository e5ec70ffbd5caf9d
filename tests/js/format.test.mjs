/** The browser writes numbers as the server does: both follow tests/format_cases.json. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import * as formats from "../../static/js/format.js";

const cases = JSON.parse(readFileSync(new URL("../format_cases.json", import.meta.url), "utf8"));
const currencies = new Map(cases.currency);
const number = (text) => (text === null ? null : Number(text));

for (const name of ["price", "big"]) {
  for (const [text, code, shown] of cases[name]) {
    test(`${name} of ${text} ${code}`, () => {
      assert.equal(formats[name](number(text), currencies.get(code)), shown);
    });
  }
}

for (const [text, code, shown] of cases.exact) {
  test(`exact of ${text} ${code}`, () => {
    assert.equal(formats.exact(text, currencies.get(code)), shown);
  });
}

for (const name of ["percent", "trend"]) {
  for (const [text, shown] of cases[name]) {
    test(`${name} of ${text}`, () => assert.equal(formats[name](number(text)), shown));
  }
}

test("a time of today is a time, one of another day has its day", () => {
  const noon = new Date(2026, 10, 23, 12).getTime();
  const today = formats.clock(noon - 3600_000, noon);
  const before = formats.clock(noon - 48 * 3600_000, noon);
  assert.ok(before.length > today.length);
});

test("how long ago is told in the largest unit that fits", () => {
  const told = [0, 9_999, 59_999, 60_000, 3_599_999, 7_200_000, 3 * 86_400_000, -5].map(formats.ago);
  assert.deepEqual(
    told.map((text) => text.match(/\d+/)?.[0]),
    ["0", "0", "50", "1", "59", "2", "3", "0"],
  );
});
