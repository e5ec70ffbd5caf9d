/**
 * The prices of one coin in one range, which grow with the stream and never
 * beyond measure. Pure: no DOM, no requests.
 *
 * What comes live is kept in buckets of time, of which each keeps its lowest,
 * its highest and its last price: a year's last point is moved rather than
 * followed by a thousand others, and a day of ticks takes no more room than an hour.
 */

/**
 * @typedef {[at: number, price: number]} Point unix ms
 *
 * @typedef {"1h" | "24h" | "7d" | "30d" | "1y"} Range
 *
 * @typedef {object} Past what the API says of a range
 * @property {Range} range
 * @property {"tick" | "hour"} resolution
 * @property {Point[]} points
 */

const HOUR = 3_600_000; // ms
const DAY = 24 * HOUR;

/** @type {Record<Range, number>} how long, in ms */
export const RANGES = { "1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "1y": 365 * DAY };

const BUCKETS = 250; // as the server's: a chart has hardly more pixels
const KEPT = 3; // of a bucket's live points: low, high, last

export class Series {
  /**
   * @param {Past} past
   * @param {number} staleAfter ms after which a silence is a gap
   */
  constructor({ range, resolution, points }, staleAfter) {
    this.range = range;
    this.length = RANGES[range];
    this.points = [...points];
    this.bucket = this.length / BUCKETS;
    this.gap = gapOf(this.length, resolution, staleAfter);
  }

  /** @returns {Point | undefined} */
  get last() {
    return this.points[this.points.length - 1];
  }

  /**
   * Add what has just come, and drop what has left the range.
   *
   * @param {number} at unix ms
   * @param {number} price
   * @returns {boolean} whether it is news
   */
  add(at, price) {
    if (this.last && at <= this.last[0]) return false;
    this.points.push([at, price]);
    this.#tidy();
    let gone = 0;
    while (this.points[gone][0] < at - this.length) gone++;
    if (gone) this.points.splice(0, gone);
    return true;
  }

  /** Keep of the newest bucket what shows. */
  #tidy() {
    const { points, bucket } = this;
    const number = Math.floor(points[points.length - 1][0] / bucket);
    let from = points.length - 1;
    while (from > 0 && Math.floor(points[from - 1][0] / bucket) === number) from--;
    const crowd = points.slice(from);
    if (crowd.length <= KEPT) return;
    const kept = new Set([lowest(crowd), highest(crowd), crowd[crowd.length - 1]]);
    points.splice(from, crowd.length, ...crowd.filter((point) => kept.has(point)));
  }

  /** The points in pieces without a gap in them. */
  pieces() {
    /** @type {Point[][]} */
    const pieces = [];
    let before = -Infinity;
    for (const point of this.points) {
      if (point[0] - before > this.gap) pieces.push([]);
      pieces[pieces.length - 1].push(point);
      before = point[0];
    }
    return pieces;
  }

  /**
   * The index of the point nearest in time; -1 if there is none.
   *
   * @param {number} at unix ms
   */
  nearest(at) {
    const { points } = this;
    let [low, high] = [0, points.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (points[middle][0] < at) low = middle + 1;
      else high = middle;
    }
    if (low > 0 && at - points[low - 1][0] < points[low][0] - at) low--;
    return points.length ? low : -1;
  }
}

/**
 * How long a silence is a gap: more than what lies between two points that are
 * there for many, which for those made of hours is up to an hour and a half.
 *
 * @param {number} length of the range, ms
 * @param {"tick" | "hour"} resolution
 * @param {number} staleAfter ms
 */
export function gapOf(length, resolution, staleAfter) {
  const least = Math.max(staleAfter, (3 * length) / BUCKETS);
  return resolution === "hour" ? least + 1.5 * HOUR : least;
}

/** @param {Point[]} points at least one; of equals the first */
export function lowest(points) {
  return points.reduce((found, point) => (point[1] < found[1] ? point : found));
}

/** @param {Point[]} points at least one; of equals the first */
export function highest(points) {
  return points.reduce((found, point) => (point[1] > found[1] ? point : found));
}

/**
 * At most *most* of the points: first, last, and each bucket's lowest and
 * highest, as `thin` in `tracker/market/candles.py` has them.
 *
 * @param {Point[]} points
 * @param {number} most
 * @returns {Point[]}
 */
export function thin(points, most) {
  if (points.length <= most) return [...points];
  const inner = points.slice(1, -1);
  const count = Math.floor((most - 2) / 2);
  const edge = (/** @type {number} */ number) => Math.floor((inner.length * number) / count);
  const kept = [points[0]];
  for (let number = 0; number < count; number++) {
    const bucket = inner.slice(edge(number), edge(number + 1));
    const pair = new Set([lowest(bucket), highest(bucket)]);
    kept.push(...[...pair].sort((one, other) => one[0] - other[0]));
  }
  return [...kept, points[points.length - 1]];
}
