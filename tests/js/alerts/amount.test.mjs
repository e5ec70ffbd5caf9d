/** Amounts are understood as their writer meant them, or not at all. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { exampleAmount, parseAmount } from "../../../static/js/alerts/amount.js";

const understood = [
  // what everybody writes
  ["97012.5", "en-US", 97012.5],
  ["97,012.50", "en-US", 97012.5],
  [" 100000 ", "en-US", 100000],
  ["1,234,567", "en-US", 1234567],
  ["12,34,567.8", "en-IN", 1234567.8],
  [".5", "en-US", 0.5],
  ["5.", "en-US", 5],
  // the reader's own signs
  ["97.012,50", "de-DE", 97012.5],
  ["0,00001", "de-DE", 0.00001],
  ["97 012,5", "fr-FR", 97012.5],
  ["97\u202f012,5", "fr-FR", 97012.5],
  ["97’012.5", "de-CH", 97012.5],
  ["٩٧٬٠١٢٫٥", "ar-EG", 97012.5],
  ["97012.5", "ar-EG", 97012.5],
  ["９７０１２", "ja-JP", 97012],
  // another's signs, where they are clear
  ["97,012.50", "de-DE", 97012.5],
  ["97.012,50", "en-US", 97012.5],
  ["97012.5", "de-DE", 97012.5],
  ["0.123", "de-DE", 0.123],
  ["0,123", "en-US", 0.123],
  ["1234.567", "de-DE", 1234.567],
  // either: as the reader's locale has it
  ["1.234", "de-DE", 1234],
  ["1.234", "en-US", 1.234],
  ["1,234", "de-DE", 1.234],
  ["1,234", "en-US", 1234],
  // pasted from here and there
  ["$97,012.50", "en-US", 97012.5],
  ["97,012.5 USD", "en-US", 97012.5],
  ["12,5 €", "de-DE", 12.5],
  ["1e-8", "en-US", 1e-8],
  ["1.2E+3", "en-US", 1200],
  ["0.000000000000000001", "en-US", 1e-18],
];

test("an amount is understood in its writer's locale, and in others where it is clear", () => {
  for (const [text, locale, value] of understood) {
    assert.equal(parseAmount(text, locale), value, `${text} in ${locale}`);
  }
});

test("what is no amount above zero is none", () => {
  const others = ["", " ", ".", ",", "abc", "0", "0.00", "-5", "−5", "100k", "1.2.3", "1,2,3", "1,2.5"];
  others.push("1.234,5.6", "1e999", "1e-999", "Infinity", "NaN", "0x10", "1 2", "12 34", "e5", "5 5.5");
  for (const text of others) assert.equal(parseAmount(text, "en-US"), null, text);
});

test("the example is written as the reader would, and is understood", () => {
  assert.equal(exampleAmount("de-DE"), "12.345,50");
  for (const locale of ["en-US", "de-DE", "fr-FR", "de-CH", "ar-EG", "hi-IN", "fa-IR", "pl-PL"]) {
    assert.equal(parseAmount(exampleAmount(locale), locale), 12345.5, locale);
  }
});
