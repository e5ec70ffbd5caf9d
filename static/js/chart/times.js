/**
 * Round times between two moments, in the reader's zone: quarters of an hour,
 * midnights, firsts of a month. Pure: no DOM.
 *
 * A day may have 23 or 25 hours, so local times of more than an hour are made from
 * their parts, not by adding milliseconds; shorter ones are not made from their
 * parts, because in autumn two times have the same.
 */

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const MONTH_MS = 30 * DAY_MS; // about, to choose a step by

/**
 * @typedef {object} Step
 * @property {"minute" | "day" | "month" | "year"} unit
 * @property {number} count
 * @property {number} about ms
 */

/** @type {Step[]} from short to long */
const STEPS = [
  ...[1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 480, 720].map((count) =>
    step("minute", count, MINUTE_MS),
  ),
  ...[1, 2, 3, 7, 14].map((count) => step("day", count, DAY_MS)),
  ...[1, 2, 3, 6].map((count) => step("month", count, MONTH_MS)),
  ...[1, 2, 5, 10].map((count) => step("year", count, 12 * MONTH_MS)),
];

/**
 * @param {Step["unit"]} unit
 * @param {number} count
 * @param {number} length ms
 * @returns {Step}
 */
function step(unit, count, length) {
  return { unit, count, about: count * length };
}

/**
 * The shortest step of which at most *most* fit between two moments.
 *
 * @param {number} width ms
 * @param {number} most
 */
export function timeStep(width, most) {
  const least = width / Math.max(1, most);
  return STEPS.find(({ about }) => about >= least) ?? STEPS[STEPS.length - 1];
}

/**
 * Round times from *begin* to *end*, at most about *most*, rising.
 *
 * @param {number} begin unix ms
 * @param {number} end unix ms
 * @param {number} most
 * @returns {{step: Step, times: number[]}}
 */
export function timeTicks(begin, end, most) {
  const chosen = timeStep(end - begin, most);
  const times = [];
  for (let number = firstOf(chosen, begin), last = -Infinity; ; number++) {
    const time = nth(chosen, begin, number);
    if (!(time <= end)) return { step: chosen, times };
    // An hour that a day of 23 hours skips is the same time as the next one.
    if (time >= begin && time > last) times.push((last = time));
  }
}

/**
 * The number of the first round time that may be after *begin*; the count of those of
 * an hour or less begins there.
 *
 * @param {Step} step
 * @param {number} begin unix ms
 */
function firstOf({ unit, count }, begin) {
  return unit === "minute" && count > 60 ? Math.floor(minutesOf(new Date(begin)) / count) : 0;
}

/**
 * The round time number *number*, counted from the midnight, or the last round
 * time, before *begin*.
 *
 * @param {Step} step
 * @param {number} begin unix ms
 * @param {number} number
 */
function nth({ unit, count }, begin, number) {
  const from = new Date(begin);
  const [year, month, day] = [from.getFullYear(), from.getMonth(), from.getDate()];
  const further = number * count;
  if (unit === "minute" && count <= 60) return rounded(begin + further * MINUTE_MS, count);
  if (unit === "minute") return nthOfDay(year, month, day, count, number);
  if (unit === "day") return +new Date(year, month, day - dayInStep(from, count) + further);
  if (unit === "month") return +new Date(year, month - (month % count) + further, 1);
  return +new Date(year - (year % count) + further, 0, 1);
}

/**
 * The last round time up to a moment, of those by the clock that is then in force.
 *
 * @param {number} at unix ms
 * @param {number} minutes at most 60
 */
function rounded(at, minutes) {
  const past = minutesOf(new Date(at)) % minutes;
  return Math.floor(at / MINUTE_MS - past) * MINUTE_MS;
}

/** @param {Date} date */
function minutesOf(date) {
  return date.getHours() * 60 + date.getMinutes();
}

/**
 * Steps of hours start again at each midnight, and divide a day of 24 hours.
 *
 * @param {number} year
 * @param {number} month
 * @param {number} day
 * @param {number} minutes
 * @param {number} number
 */
function nthOfDay(year, month, day, minutes, number) {
  const perDay = (24 * 60) / minutes;
  const days = Math.floor(number / perDay);
  return +new Date(year, month, day + days, 0, (number % perDay) * minutes);
}

/**
 * How many days into a step of some days a day is, so that steps stay where they
 * are as the chart moves on; a step of a week begins on Monday.
 *
 * @param {Date} date
 * @param {number} count
 */
function dayInStep(date, count) {
  const number = Math.round(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / DAY_MS);
  return (number + 3) % count; // 1 January 1970 was a Thursday
}
