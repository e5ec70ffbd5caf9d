/**
 * Scales from prices and times to pixels, and round numbers between two prices.
 *
 * Pure: no DOM. A price is never negative, and neither is an axis.
 */

/**
 * @typedef {object} Span
 * @property {number} low
 * @property {number} high above `low`
 */

const FLAT = 1e-9; // of a price: a smaller span is rounding, no movement
const STEPS = [1, 2, 2.5, 5, 10];

/**
 * The map from a span of values to a span of pixels, which may run backwards.
 *
 * @param {Span} from
 * @param {number} first where `low` goes
 * @param {number} last where `high` goes
 * @returns {(value: number) => number}
 */
export function linear({ low, high }, first, last) {
  const width = high - low;
  if (!(width > 0)) return () => (first + last) / 2;
  return (value) => first + ((value - low) / width) * (last - first);
}

/**
 * The span of an axis for prices from *low* to *high*. Prices that do not move
 * get some room, so that their line is in the middle.
 *
 * @param {number} low
 * @param {number} high
 * @returns {Span}
 */
export function priceSpan(low, high) {
  const size = Math.abs(high);
  if (high - low > size * FLAT) return { low, high };
  const room = size * 0.01 || 1;
  return { low: Math.max(0, low - room), high: high + room };
}

/**
 * A span with *below* and *above* more pixels on an axis of *length* pixels,
 * but nothing below zero.
 *
 * @param {Span} span
 * @param {number} length
 * @param {number} below
 * @param {number} above
 * @returns {Span}
 */
export function widened({ low, high }, length, below, above) {
  const perPixel = (high - low) / Math.max(1, length);
  return { low: Math.max(0, low - below * perPixel), high: high + above * perPixel };
}

/**
 * The smallest round step of which at most *most* fit in *width*: 1, 2, 2.5 or
 * 5 times a power of ten.
 *
 * @param {number} width above 0
 * @param {number} most
 */
export function niceStep(width, most) {
  const rough = width / Math.max(1, most);
  const power = Math.floor(Math.log10(rough));
  const unit = Number(`1e${power}`); // 10 ** -9 has a tail
  const factor = STEPS.find((step) => step * unit >= rough * (1 - 1e-9)) ?? 10;
  return power < 0 ? factor / Number(`1e${-power}`) : factor * unit;
}

/**
 * Round prices within a span, at most about *most*.
 *
 * @param {Span} span
 * @param {number} most
 * @returns {{step: number, values: number[]}}
 */
export function priceTicks({ low, high }, most) {
  const step = niceStep(high - low, most);
  const values = [];
  const end = Math.floor(high / step + 1e-9);
  for (let count = Math.ceil(low / step - 1e-9); count <= end; count++) {
    values.push(Number((count * step).toPrecision(15)));
  }
  return { step, values };
}

/**
 * How many decimals tell multiples of a step apart: 2 for 0.25, 10 for 2e-10.
 *
 * @param {number} step
 */
export function decimalsOf(step) {
  const [mantissa, power] = step.toExponential(6).split("e");
  const digits = mantissa.replace(/0+$/, "").split(".")[1]?.length ?? 0;
  return Math.max(0, digits - Number(power));
}
