/** Amounts are understood as their writer meant them, or not at all. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { exact, price } from "../../../static/js/lib/format.js";
import { exampleAmount, otherCurrency, parseAmount } from "../../../static/js/alerts/amount.js";

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
  ["12,5 $US", "de-DE", 12.5],
  ["US$ 12.345,50", "en-US", 12345.5],
  ["\u200f12,345.50 \u200f$", "en-US", 12345.5],
  ["١٢٬٣٤٥٫٥٠ US$", "en-US", 12345.5],
  ["97\u200b012\u00ad.5", "en-US", 97012.5],
  ["＄97,012", "en-US", 97012],
  ["usd 5.", "en-US", 5],
  ["$.5", "en-US", 0.5],
  ["$0.0₁₀126", "en-US", 1.26e-11],
  ["0,0₄5 $", "de-DE", 5e-5],
  ["1,5×10^−13 US$", "sv-SE", 1.5e-13],
  ["1e-8", "en-US", 1e-8],
  ["1.2E+3", "en-US", 1200],
  ["0.000000000000000001", "en-US", 1e-18],
];

test("an amount is understood in its writer's locale, and in others where it is clear", () => {
  for (const [text, locale, value] of understood) {
    assert.equal(parseAmount(text, "usd", locale), value, `${text} in ${locale}`);
  }
});

test("what is no amount above zero is none", () => {
  const others = ["", " ", ".", ",", "abc", "0", "0.00", "-5", "−5", "100k", "1.2.3", "1,2,3", "1,2.5"];
  others.push("1.234,5.6", "1e999", "1e-999", "Infinity", "NaN", "0x10", "1 2", "12 34", "e5", "5 5.5");
  others.push("10²", "5₂", "$5$", "1/2", "½");
  for (const text of others) assert.equal(parseAmount(text, "usd", "en-US"), null, text);
});

test("the example is written as the reader would, and is understood", () => {
  assert.equal(exampleAmount("de-DE"), "12.345,50");
  for (const locale of ["en-US", "de-DE", "fr-FR", "de-CH", "ar-EG", "hi-IN", "fa-IR", "pl-PL"]) {
    assert.equal(parseAmount(exampleAmount(locale), "usd", locale), 12345.5, locale);
  }
});

const LOCALES = [
  "en-US", "en-CA", "en-IN", "en-ZA", "de-DE", "de-AT", "de-CH", "fr-FR", "fr-CH", "es-ES", "pt-BR",
  "pt-PT", "it-IT", "nl-NL", "sv-SE", "nb-NO", "da-DK", "fi-FI", "pl-PL", "cs-CZ", "lt-LT", "uk-UA",
  "ru-RU", "tr-TR", "he-IL", "ar-EG", "fa-IR", "ur-PK", "hi-IN", "mr-IN", "bn-BD", "ne-NP", "my-MM",
  "th-TH-u-nu-thai", "zh-CN", "ja-JP", "ko-KR",
];

test("a price as the page writes it is understood, in every locale and currency", () => {
  const currencies = [
    ["usd", "$"], ["eur", "€"], ["jpy", "¥"], ["cad", "$"], ["chf", "CHF"],
    ["dkk", "kr."], ["inr", "₹"], ["pln", "zł"], ["btc", ""], ["sats", ""],
  ];
  for (const locale of LOCALES) {
    for (const [code, symbol] of currencies) {
      const currency = { code, symbol, cents: 2 };
      for (const value of [1234567, 123456.25, 12345.5, 97, 1.2345, 0.00001234, 1.234e-14]) {
        const digits = value.toFixed(20).replace(/0+$/, "");
        for (const text of [price(value, currency, locale), exact(digits, currency, locale)]) {
          assert.equal(parseAmount(text, code, locale), value, `${text} in ${locale}`);
        }
      }
    }
  }
});

test("an amount of another currency is not taken, and the currency is named", () => {
  const cases = [
    ["50 000 €", "€"], ["€50,000", "€"], ["EUR 50000", "EUR"], ["CA$5", "CA$"], ["A$ 5", "A$"],
    ["5 zł", "ZŁ"], ["kr. 5", "KR"], ["0.5 btc", "BTC"], ["£5", "£"], ["Rs.500", "RS"],
  ];
  for (const [text, mark] of cases) {
    assert.equal(parseAmount(text, "usd", "en-US"), null, text);
    assert.equal(otherCurrency(text, "usd", "en-US"), mark);
  }
  for (const text of ["$50,000", "50000", "100k", "€", "€ x", "-5", "", "1.2.3 €"]) {
    assert.equal(otherCurrency(text, "usd", "en-US"), "", text);
  }
});
