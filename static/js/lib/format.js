/**
 * Numbers and times as people read them, in the reader's own locale and zone.
 * Pure: no DOM, no state but caches.
 *
 * The server writes a page's numbers in en-US; then its script writes them in the
 * reader's locale. In en-US this module follows `tracker/text/formats.py`: both
 * are held to `tests/support/format_cases.json`.
 */

/**
 * How amounts in one currency are written.
 *
 * Currencies with a symbol are of ISO 4217, and `Intl` writes them. The others
 * (`sats`, `btc`, which `Intl` refuses or gets wrong) have their code after the amount.
 *
 * @typedef {object} Currency
 * @property {string} code lower case
 * @property {string} symbol as in en-US; may be empty
 * @property {number} cents decimals of an amount of a thousand or more
 *
 * @typedef {string | undefined} Locale the reader's where it is not given
 */

export const UNKNOWN = "–";

const SMALL = -5; // below this power of ten the zeros of a price are counted
const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
const NO_BREAK = "\u00a0";
const DAY_MS = 24 * 60 * 60 * 1000;

/** @type {Map<string, unknown>} */
const cache = new Map();

/**
 * What *make* returned for this key: creating a formatter is slow, using one is not.
 *
 * @template T
 * @param {string} key
 * @param {() => T} make
 * @returns {T}
 */
export function cached(key, make) {
  if (!cache.has(key)) cache.set(key, make());
  return /** @type {T} */ (cache.get(key));
}

/**
 * @param {Locale} locale
 * @param {string} kind names the *options*: the same name, the same options
 * @param {Intl.NumberFormatOptions} options
 */
function numbers(locale, kind, options) {
  return cached(`${locale} ${kind}`, () => new Intl.NumberFormat(locale, options));
}

/**
 * A price as it fits into a column: at most some fifteen characters.
 *
 * Cents up to a million, none above, and units from ten billion on; four decimals from 1
 * to 10, below 1 four significant digits: with fewer, a stablecoin would move without its
 * number changing. From five zeros after the point on they are counted, as CoinGecko does:
 * "$0.0₁₀126"; `exact` says them all.
 *
 * @param {number | null} value
 * @param {Currency} currency
 * @param {Locale} [locale]
 */
export function price(value, currency, locale) {
  if (value === null) return UNKNOWN;
  const size = Math.abs(value);
  if (size >= 1e10) return compact(value, currency, locale);
  if (size >= 1 || size === 0) {
    const cents = size >= 1e6 ? 0 : currency.cents;
    const decimals = size >= 1000 ? cents : size >= 1 && size < 10 ? 4 : 2;
    return money(value, currency, locale, decimals, decimals);
  }
  const [digits, power] = value.toExponential(3).split("e");
  if (Number(power) >= SMALL) return money(value, currency, locale, 4, Math.max(4, 3 - Number(power)));
  const zeros = [...String(-Number(power) - 1)].map((digit) => SUBSCRIPTS[Number(digit)]).join("");
  const significant = digits.replace(/\D|0+$/g, "");
  const { numerals } = marks(locale);
  const fraction = `${numerals[0]}${zeros}${inNumerals(significant, numerals)}`;
  return money(value < 0 ? -0.01 : 0.01, currency, locale, 2, 2, "standard", fraction);
}

/**
 * A price for screen readers where `price` counts its zeros, else nothing.
 *
 * @param {Pick<import("./market.js").Quote, "price" | "price_digits">} quote
 * @param {Currency} currency
 * @param {Locale} [locale]
 */
export function spoken({ price: value, price_digits: digits }, currency, locale) {
  const isSmall = value !== 0 && Math.abs(value) < 10 ** SMALL;
  return isSmall ? exact(digits, currency, locale) : "";
}

/**
 * A large amount, shortened: "$1.72T".
 *
 * @param {number | null} value
 * @param {Currency} currency
 * @param {Locale} [locale]
 */
export function compact(value, currency, locale) {
  return value === null ? UNKNOWN : money(value, currency, locale, 2, 2, "compact");
}

/**
 * Every digit that the source sent, for titles: "0.0000000012 USD". `Intl` would
 * round it, so only its marks are used.
 *
 * @param {string | null} digits a JSON number's text
 * @param {Currency} currency
 * @param {Locale} [locale]
 */
export function exact(digits, currency, locale) {
  if (digits === null) return "";
  const [, sign, whole, fraction = ""] = plain(digits).match(/^(-?)(\d+)\.?(\d*)$/) ?? [];
  const grouped = numbers(locale, "whole", { useGrouping: true }).format(BigInt(whole));
  const { decimal, numerals } = marks(locale);
  const rest = inNumerals(fraction, numerals);
  const point = fraction ? decimal : "";
  return `${sign}${grouped}${point}${rest} ${currency.code.toUpperCase()}`;
}

/**
 * A change in percent with its sign; what rounds to zero has none.
 *
 * @param {number | null} value
 * @param {Locale} [locale]
 */
export function percent(value, locale) {
  if (value === null) return UNKNOWN;
  const percents = numbers(locale, "percent", {
    style: "unit", // and not "percent", which would multiply
    unit: "percent",
    signDisplay: "exceptZero",
    minimumFractionDigits: 2,
    maximumFractionDigits: 2,
  });
  return percents.format(value);
}

/**
 * Which way a change goes, as `percent` shows it.
 *
 * @param {number | null} value
 * @returns {"up" | "down" | "same"}
 */
export function trend(value) {
  if (value === null || Math.abs(value) < 0.005) return "same";
  return value > 0 ? "up" : "down";
}

/**
 * A moment in the reader's locale and zone: the time, and the day if it is not today.
 *
 * @param {number} ms unix milliseconds
 * @param {number} now
 */
export function clock(ms, now) {
  const today = Math.abs(now - ms) < DAY_MS && new Date(ms).getDate() === new Date(now).getDate();
  /** @type {Intl.DateTimeFormatOptions} */
  const options = today ? { timeStyle: "medium" } : { dateStyle: "medium", timeStyle: "medium" };
  return timeFormat(ms, today ? "time" : "day", options);
}

/**
 * An age in the largest unit that fits: "3 min. ago".
 *
 * @param {number} ms milliseconds
 * @param {number} [step] what seconds are a multiple of
 * @param {Locale} [locale]
 */
export function ago(ms, step = 1, locale) {
  const seconds = Math.max(0, ms) / 1000;
  const make = () => new Intl.RelativeTimeFormat(locale, { style: "short" });
  const relative = cached(`${locale} ago`, make);
  if (seconds < 60) return relative.format(-Math.floor(seconds / step) * step, "second");
  if (seconds < 3600) return relative.format(-Math.floor(seconds / 60), "minute");
  if (seconds < 86400) return relative.format(-Math.floor(seconds / 3600), "hour");
  return relative.format(-Math.floor(seconds / 86400), "day");
}

/**
 * A moment in full, with its zone, for titles.
 *
 * @param {number} ms unix milliseconds
 */
export function moment(ms) {
  return timeFormat(ms, "moment", { dateStyle: "full", timeStyle: "long" });
}

/**
 * @param {number} ms unix milliseconds
 * @param {string} kind names the *options*: the same name, the same options
 * @param {Intl.DateTimeFormatOptions} options
 */
export function timeFormat(ms, kind, options) {
  const zone = new Date(ms).getTimezoneOffset(); // it may change while the page is open
  return cached(`${kind} ${zone}`, () => new Intl.DateTimeFormat(undefined, options)).format(ms);
}

/**
 * @param {number} value
 * @param {Currency} currency
 * @param {Locale} locale
 * @param {number} least decimals
 * @param {number} most decimals
 * @param {"standard" | "compact"} [notation]
 * @param {string} [fraction] stands for the value's own
 */
function money(value, { code, symbol }, locale, least, most, notation = "standard", fraction) {
  const amounts = numbers(locale, `${symbol && code} ${least} ${most} ${notation}`, {
    ...(symbol ? { style: "currency", currency: code } : {}),
    notation,
    useGrouping: true,
    minimumFractionDigits: least,
    maximumFractionDigits: most,
  });
  const text = fraction ? withFraction(amounts.formatToParts(value), fraction) : amounts.format(value);
  return symbol ? text : `${text}${NO_BREAK}${code.toUpperCase()}`;
}

/**
 * @param {Intl.NumberFormatPart[]} parts
 * @param {string} fraction stands for theirs
 */
function withFraction(parts, fraction) {
  return parts.map(({ type, value }) => (type === "fraction" ? fraction : value)).join("");
}

/**
 * @param {string} digits
 * @param {string[]} numerals a locale's
 */
function inNumerals(digits, numerals) {
  return digits.replace(/\d/g, (digit) => numerals[Number(digit)]);
}

/**
 * A locale's decimal sign, and its ten numerals from 0 up.
 *
 * @param {Locale} locale
 */
function marks(locale) {
  return cached(`${locale} marks`, () => {
    const parts = new Intl.NumberFormat(locale).formatToParts(0.5);
    const numerals = new Intl.NumberFormat(locale, { useGrouping: false }).format(9876543210);
    return {
      decimal: parts.find(({ type }) => type === "decimal")?.value ?? ".",
      numerals: [...numerals].reverse(),
    };
  });
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
