/**
 * Amounts as people type or paste them: "97012.5", "97.012,50", "97 012,5 $US",
 * "$0.00001", "1e-8 usd", and whatever `Intl` writes in the reader's locale. It
 * guesses, so the result should be shown to the reader. Pure: no DOM.
 */

import { cached } from "../lib/format.js";

const MARK_OF_GROUP = /(?<=\d)[\s'_\u2019\u066c](?=\d{3}(?!\d))/gu;
const NUMBER = /^([\d.,]*\d[.,]?)(e[+-]?\d{1,3})?$/i;
const ZEROS = /(?<=[.,\u066b])\p{Nd}([\u2080-\u2089]{1,2})/gu; // 0.0₁₀126 has ten
const RAISED = /[\u00b2\u00b3\u00b9\u2070-\u209f]/u; // 10² is not 102
const INVISIBLE = /\p{Cf}/gu; // direction marks and the like
const POWER = /(?<=\d)\s*(?:[×x]\s*10\^|أس|[e\u0435])[-+\u2212]?(?=\d)/giu; // what Intl has for "e"
const AROUND = /^(\p{L}+\.|[^\d.,]*)(.*?)((?:[^\d.,]+\.?)?)$/su;
const CURRENCY = /\p{Sc}|^\p{L}{2,5}$/u;
const ELSEWHERE = ["en-US", "en-CA", "fr-FR"]; // $, US$ and $US

/**
 * The number in *text*, or null if it is none, not above zero, or of another currency.
 *
 * @param {string} text
 * @param {string} code of the currency that may be named
 * @param {string} [locale] the reader's, if not given
 * @returns {number | null}
 */
export function parseAmount(text, code, locale) {
  const [before, number, after] = parts(text);
  const marks = [before, after].filter(Boolean);
  const isOwn = marks.length < 2 && marks.every((mark) => marksOf(code, locale).has(mark));
  return isOwn ? parseNumber(number, locale) : null;
}

/**
 * The other currency that *text* is an amount of, as it is written there; "" if it is none.
 *
 * @param {string} text
 * @param {string} code of the currency that may be named
 * @param {string} [locale] the reader's, if not given
 */
export function otherCurrency(text, code, locale) {
  const [before, number, after] = parts(text);
  const mark = [before, after].find((one) => CURRENCY.test(one) && !marksOf(code, locale).has(one));
  return mark && parseNumber(number, locale) !== null ? mark : "";
}

/**
 * What is before the number in *text*, the number, and what is after it; in capitals.
 *
 * @param {string} text
 */
function parts(text) {
  const [, before = "", number = "", after = ""] = AROUND.exec(withPlainDigits(text)) ?? [];
  return [asMark(before), number.trim(), asMark(after)];
}

/**
 * @param {string} written digits, "." and ",", signs between groups, an exponent
 * @param {string} [locale]
 * @returns {number | null}
 */
function parseNumber(written, locale) {
  const [, body = "", power = ""] = NUMBER.exec(written.replace(MARK_OF_GROUP, "")) ?? [];
  const mayBeGroup = power ? "" : decimalSign(locale) === "," ? "." : ",";
  const value = Number(withPoint(body, mayBeGroup) + power);
  return value > 0 && Number.isFinite(value) ? value : null;
}

/**
 * What stands for a currency beside an amount, in capitals: its code, and its signs in
 * the reader's locale and where they are common.
 *
 * @param {string} code
 * @param {string} [locale]
 * @returns {Set<string>}
 */
function marksOf(code, locale) {
  return cached(`${locale} marks of ${code}`, () => {
    const marks = new Set([code]);
    for (const where of [locale, ...ELSEWHERE]) {
      for (const currencyDisplay of /** @type {const} */ (["symbol", "narrowSymbol"])) {
        try {
          const options = { style: /** @type {const} */ ("currency"), currency: code, currencyDisplay };
          const found = new Intl.NumberFormat(where, options).formatToParts(1);
          marks.add(found.find(({ type }) => type === "currency")?.value ?? code);
        } catch {
          break; // not a currency of ISO 4217
        }
      }
    }
    return new Set([...marks].map(asMark));
  });
}

/**
 * An amount as it is written in the reader's locale.
 *
 * @param {string} [locale] the reader's, if not given
 */
export function exampleAmount(locale) {
  return new Intl.NumberFormat(locale, { minimumFractionDigits: 2 }).format(12345.5);
}

/**
 * *body* as `Number` reads it; "NaN" if its signs make no sense.
 *
 * If there are both "." and ",", the last one is the decimal sign; one that comes
 * twice separates groups. A single one that could be either, as in "1.234", is
 * read as the reader's locale has it.
 *
 * @param {string} body digits, "." and ","
 * @param {string} mayBeGroup the sign that separates groups where it could be either
 */
function withPoint(body, mayBeGroup) {
  const last = Math.max(body.lastIndexOf("."), body.lastIndexOf(","));
  const sign = body[last];
  const isAgain = last > body.indexOf(sign);
  const isGroup = /^[1-9]\d{0,2}[.,]\d{3}$/.test(body) && sign === mayBeGroup;
  if (last < 0) return body;
  if (isAgain || isGroup) return withoutGroups(body, sign);
  const whole = body.slice(0, last);
  return `${withoutGroups(whole, sign === "." ? "," : ".")}.${body.slice(last + 1)}`;
}

/**
 * Groups are of three digits, the ones before the last in India of two.
 *
 * @param {string} whole
 * @param {string} sign between groups
 */
function withoutGroups(whole, sign) {
  const groups = whole.split(sign);
  if (groups.length === 1) return whole;
  const isRight = groups.every((group, place) =>
    (place === 0 ? /^\d{1,3}$/ : place < groups.length - 1 ? /^\d{2,3}$/ : /^\d{3}$/).test(group),
  );
  return isRight ? groups.join("") : "NaN";
}

/** @param {string} [locale] */
function decimalSign(locale) {
  const found = new Intl.NumberFormat(locale).formatToParts(1.5);
  return found.find(({ type }) => type === "decimal")?.value === "," ? "," : ".";
}

/** @param {string} text */
function asMark(text) {
  return plain(text).replace(/\.$/, "").toUpperCase();
}

/** @param {string} text */
function plain(text) {
  return text.normalize("NFKC").replace(INVISIBLE, "").trim();
}

/**
 * *text* in capitals with the digits 0 to 9, whichever the reader's locale or keyboard has,
 * and an exponent as `Number` reads it.
 *
 * @param {string} text
 */
function withPlainDigits(text) {
  const whole = text.replace(ZEROS, (_, count) => "0".repeat(Number(count.normalize("NFKC"))));
  if (RAISED.test(whole)) return "";
  return plain(whole)
    .replaceAll("\u066b", ".")
    .replace(/\p{Nd}/gu, digitOf)
    .replace(POWER, (power) => (/[-\u2212]$/.test(power) ? "E-" : "E"))
    .toUpperCase();
}

/**
 * A digit of any script as 0 to 9: each script has its ten one after the other.
 *
 * @param {string} digit
 */
function digitOf(digit) {
  const code = /** @type {number} */ (digit.codePointAt(0));
  let value = 0;
  while (/\p{Nd}/u.test(String.fromCodePoint(code - value - 1))) value++;
  return String(value % 10);
}
