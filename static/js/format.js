/**
 * Numbers and times as people read them. Pure: no DOM, no state but caches.
 *
 * Numbers look exactly as `tracker/views/formats.py` writes them, so that the
 * first tick does not change the look of the first paint; both are held to
 * `tests/format_cases.json`. Times are in the reader's own locale and zone.
 */

/**
 * How amounts in one currency are written: the symbol before the amount, or,
 * where there is none, the code after it. `Intl` is not asked for currencies:
 * it throws on those that are not ISO 4217, such as "sats".
 *
 * @typedef {object} Currency
 * @property {string} code lower case
 * @property {string} symbol may be empty
 * @property {number} cents decimals of an amount of a thousand or more
 */

export const UNKNOWN = "–";

const LOCALE = "en-US"; // the language of the page
const TINY = -12; // the power of ten below which zeros are no longer countable
const NO_BREAK = "\u00a0";
const DAY = 24 * 60 * 60 * 1000;

/** @type {Map<string, Intl.NumberFormat>} making one is slow, using one is not */
const formatters = new Map();

/**
 * @param {number} value
 * @param {Intl.NumberFormatOptions} options
 */
function number(value, options) {
  const key = JSON.stringify(options);
  let formatter = formatters.get(key);
  if (!formatter) {
    formatter = new Intl.NumberFormat(LOCALE, options);
    formatters.set(key, formatter);
  }
  return formatter.format(value);
}

/**
 * A price: two decimals from 10 up, four from 1, below 1 four significant digits.
 * With fewer, a stablecoin would move without its number changing.
 *
 * @param {number | null} value
 * @param {Currency} currency
 */
export function price(value, currency) {
  if (value === null) return UNKNOWN;
  return withCurrency(amount(value, currency.cents), currency);
}

/**
 * A large amount in short: "$1.72T".
 *
 * @param {number | null} value
 * @param {Currency} currency
 */
export function big(value, currency) {
  if (value === null) return UNKNOWN;
  const text = number(value, {
    notation: "compact",
    useGrouping: true,
    minimumFractionDigits: 2,
    maximumFractionDigits: 2,
  });
  return withCurrency(text, currency);
}

/**
 * Every digit the source sent, for titles: "0.0000000012 USD".
 *
 * @param {string | null} digits a JSON number's text
 * @param {Currency} currency
 */
export function exact(digits, currency) {
  if (digits === null) return "";
  const [whole, fraction] = plain(digits).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return `${fraction ? `${grouped}.${fraction}` : grouped} ${currency.code.toUpperCase()}`;
}

/**
 * A change in percent with its sign; what rounds to zero has none.
 *
 * @param {number | null} value
 */
export function percent(value) {
  if (value === null) return UNKNOWN;
  const options = /** @type {const} */ ({
    signDisplay: "exceptZero",
    minimumFractionDigits: 2,
    maximumFractionDigits: 2,
  });
  return `${number(value, options)}%`;
}

/**
 * Which way a change goes, as `percent` shows it.
 *
 * @param {number | null} value
 * @returns {"up" | "down" | "same"}
 */
export function trend(value) {
  const sign = percent(value)[0];
  if (sign === "+") return "up";
  return sign === "-" ? "down" : "same";
}

/**
 * A moment in the reader's locale and zone: the time, and the day if it is not today.
 *
 * @param {number} ms unix milliseconds
 * @param {number} now
 */
export function clock(ms, now) {
  const today = Math.abs(now - ms) < DAY && new Date(ms).getDate() === new Date(now).getDate();
  /** @type {Intl.DateTimeFormatOptions} */
  const options = today ? { timeStyle: "medium" } : { dateStyle: "medium", timeStyle: "medium" };
  return new Intl.DateTimeFormat(undefined, options).format(ms);
}

/**
 * How long ago something was, in the largest unit that fits, seconds in tens.
 *
 * @param {number} ms milliseconds
 */
export function ago(ms) {
  const seconds = Math.max(0, ms) / 1000;
  const words = new Intl.RelativeTimeFormat(undefined, { style: "short" });
  if (seconds < 60) return words.format(-Math.floor(seconds / 10) * 10, "second");
  if (seconds < 3600) return words.format(-Math.floor(seconds / 60), "minute");
  if (seconds < 86400) return words.format(-Math.floor(seconds / 3600), "hour");
  return words.format(-Math.floor(seconds / 86400), "day");
}

/**
 * A moment in full, with its zone, for titles.
 *
 * @param {number} ms unix milliseconds
 */
export function moment(ms) {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" }).format(ms);
}

/**
 * @param {number} value
 * @param {number} cents
 */
function amount(value, cents) {
  const size = Math.abs(value);
  if (size >= 1 || size === 0) {
    const decimals = size >= 1000 ? cents : size >= 1 && size < 10 ? 4 : 2;
    return number(value, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  }
  const power = Number(value.toExponential().split("e")[1]);
  if (power < TINY) {
    return number(value, { notation: "scientific", maximumFractionDigits: 3 });
  }
  return number(value, {
    minimumFractionDigits: 4,
    maximumFractionDigits: Math.max(4, 3 - power),
  });
}

/**
 * @param {string} text
 * @param {Currency} currency
 */
function withCurrency(text, { code, symbol }) {
  if (!symbol) return `${text}${NO_BREAK}${code.toUpperCase()}`;
  return text.startsWith("-") ? `-${symbol}${text.slice(1)}` : `${symbol}${text}`;
}

/**
 * A JSON number's text without its exponent: "1.2E-9" is "0.0000000012".
 *
 * @param {string} digits
 */
function plain(digits) {
  const [mantissa, power] = digits.toLowerCase().split("e");
  if (!power) return mantissa;
  const sign = mantissa.startsWith("-") ? "-" : "";
  const [whole, fraction = ""] = mantissa.replace("-", "").split(".");
  const all = whole + fraction;
  const point = whole.length + Number(power);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${all}`;
  if (point >= all.length) return sign + all.padEnd(point, "0");
  return `${sign}${all.slice(0, point)}.${all.slice(point)}`;
}
