/**
 * Amounts as people type or paste them: "97012.5", "97.012,50", "97 012,5",
 * "$0.00001", "1e-8 usd". It guesses, so the result should be shown to the reader.
 * Pure: no DOM.
 */

const MARK_OF_GROUP = /(?<=\d)[\s'_\u2019\u066c](?=\d{3}(?!\d))/gu;
const CURRENCY = /^\p{Sc}\s*|\s*(?:\p{Sc}|[a-z]{3,5})$/giu;
const NUMBER = /^([\d.,]*\d[.,]?)(e[+-]?\d{1,3})?$/i;

/**
 * The number in *text*, or null if it is none, or not above zero.
 *
 * @param {string} text
 * @param {string} [locale] the reader's, if not given
 * @returns {number | null}
 */
export function parseAmount(text, locale) {
  const written = withPlainDigits(text, locale).replace(CURRENCY, "").replace(MARK_OF_GROUP, "");
  const [, body = "", power = ""] = NUMBER.exec(written) ?? [];
  const value = Number(withPoint(body, decimalSign(locale)) + power);
  return value > 0 && Number.isFinite(value) ? value : null;
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
 * @param {string} decimal the reader's
 */
function withPoint(body, decimal) {
  const last = Math.max(body.lastIndexOf("."), body.lastIndexOf(","));
  const sign = body[last];
  const isAgain = last > body.indexOf(sign);
  const isGroup = /^[1-9]\d{0,2}[.,]\d{3}$/.test(body) && sign !== decimal;
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
  const parts = new Intl.NumberFormat(locale).formatToParts(1.5);
  const sign = parts.find((part) => part.type === "decimal")?.value;
  return sign === "," ? "," : ".";
}

/**
 * *text* with the digits 0 to 9, whichever the reader's locale or keyboard has.
 *
 * @param {string} text
 * @param {string} [locale]
 */
function withPlainDigits(text, locale) {
  const format = new Intl.NumberFormat(locale, { useGrouping: false });
  let plain = text.normalize("NFKC").trim().replaceAll("\u066b", ".");
  for (let digit = 0; digit < 10; digit++) {
    plain = plain.replaceAll(format.format(digit), String(digit));
  }
  return plain;
}
