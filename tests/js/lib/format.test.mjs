/** In en-US the browser writes numbers as the server does, elsewhere as people there do. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import * as formats from "../../../static/js/lib/format.js";

const cases = JSON.parse(readFileSync(new URL("../../support/format_cases.json", import.meta.url), "utf8"));
const currencies = new Map([
  ...cases.currency,
  ["sek", { code: "sek", symbol: "SEK\u00a0", cents: 2 }],
  ["idr", { code: "idr", symbol: "IDR\u00a0", cents: 2 }],
]);
const number = (text) => (text === null ? null : Number(text));

// What came before ES2023, as Node 18, does not group thousands of trillions when asked to.
const groups = new Intl.NumberFormat("en-US", { notation: "compact", useGrouping: true }).format(1.9e15) === "1,900T";

const amounts = { price: cases.price, compact: cases.compact ?? cases.big };
for (const name of ["price", "compact"]) {
  for (const [text, code, shown] of amounts[name]) {
    test(`${name} of ${text} ${code}`, () => {
      const written = formats[name](number(text), currencies.get(code), "en-US");
      assert.equal(written, name === "compact" && !groups ? shown.replace(",", "") : shown);
    });
  }
}

for (const [text, code, shown] of cases.spoken) {
  test(`for screen readers: ${text} ${code}`, () => {
    const quote = { price: number(text), price_digits: text };
    assert.equal(formats.spoken(quote, currencies.get(code), "en-US"), shown);
  });
}

for (const [text, code, shown] of cases.exact) {
  test(`exact of ${text} ${code}`, () => {
    assert.equal(formats.exact(text, currencies.get(code), "en-US"), shown);
  });
}

for (const name of ["percent", "trend"]) {
  for (const [text, shown] of cases[name]) {
    test(`${name} of ${text}`, () => assert.equal(formats[name](number(text), "en-US"), shown));
  }
}

const usd = currencies.get("usd");

test("a reader elsewhere has the marks, the order and the words of the place", () => {
  const plain = (text) => text.replaceAll(/\s/g, " ");
  assert.equal(plain(formats.price(97012.5, usd, "de-DE")), "97.012,50 $");
  assert.equal(plain(formats.price(97012.5, usd, "fr-FR")), "97 012,50 $US");
  assert.equal(plain(formats.price(1.26e-11, usd, "fr-FR")), "0,0₁₀126 $US");
  assert.equal(plain(formats.price(1.26e-11, usd, "fa-IR")).replace(/\u200e/g, ""), "$۰٫۰₁₀۱۲۶");
  assert.equal(plain(formats.compact(1.92e12, usd, "de-DE")), "1,92 Bio. $");
  assert.equal(plain(formats.percent(-1.234, "de-DE")), "-1,23 %");
  assert.equal(plain(formats.price(1234567, currencies.get("sats"), "de-DE")), "1.234.567 SATS");
});

test("every digit is kept in every locale's marks and numerals", () => {
  const digits = "1234567.12345678901234567890123";
  assert.equal(formats.exact(digits, usd, "de-DE"), "1.234.567,12345678901234567890123 USD");
  assert.equal(formats.exact(digits, usd, "en-IN"), "12,34,567.12345678901234567890123 USD");
  assert.equal(formats.exact("1.05", usd, "fa-IR"), "۱٫۰۵ USD");
});

test("a time of today is a time, one of another day has its day", () => {
  const noon = new Date(2026, 10, 23, 12).getTime();
  const today = formats.clock(noon - 3600_000, noon);
  const before = formats.clock(noon - 48 * 3600_000, noon);
  assert.ok(before.length > today.length);
});

test("how long ago is told in the largest unit that fits", () => {
  for (const [ms, said] of cases.ago) assert.equal(formats.ago(ms, 1, "en-US"), said);
  assert.equal(formats.ago(59_999, 10, "en-US"), "50 sec. ago");
});
