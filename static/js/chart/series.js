/**
 * The prices of one coin in one range, as they grow with the stream. Pure: no DOM,
 * no requests.
 *
 * Their number is bounded: live prices are kept in buckets of time, and each bucket
 * keeps its lowest, highest and last one. So in a range of a year ticks move the
 * last point, and do not add thousands.
 */

/**
 * @typedef {[at: number, price: number]} Point unix ms
 *
 * @typedef {object} History the API's response
 * @property {string} range
 * @property {"tick" | "hour"} resolution
 * @property {Point[]} points
 */

const HOUR_MS = 3_600_000;
const BUCKETS = 250; // as the server's: a chart has hardly more pixels
const KEPT = 3; // of a bucket's live points: low, high, last

export class Series {
  /**
   * @param {History} history
   * @param {number} length the range's, ms
   * @param {number} staleAfter ms without a price that make a gap
   */
  constructor({ range, resolution, points }, length, staleAfter) {
    this.range = range;
    this.length = length;
    this.points = [...points];
    this.bucket = this.length / BUCKETS;
    this.gap = gapOf(this.length, resolution, staleAfter);
  }

  /** @returns {Point | undefined} */
  get last() {
    return this.points[this.points.length - 1];
  }

  /**
   * Add a live price, and drop those that have left the range.
   *
   * @param {number} at unix ms
   * @param {number} price
   * @returns {boolean} whether it is newer than the last one
   */
  add(at, price) {
    if (this.last && at <= this.last[0]) return false;
    this.points.push([at, price]);
    this.#thinNewestBucket();
    let gone = 0;
    while (this.points[gone][0] < at - this.length) gone++;
    if (gone) this.points.splice(0, gone);
    return true;
  }

  /** Keep the newest bucket's lowest, highest and last point. */
  #thinNewestBucket() {
    const { points, bucket } = this;
    const number = Math.floor(points[points.length - 1][0] / bucket);
    let from = points.length - 1;
    while (from > 0 && Math.floor(points[from - 1][0] / bucket) === number) from--;
    const inBucket = points.slice(from);
    if (inBucket.length <= KEPT) return;
    const kept = new Set([lowest(inBucket), highest(inBucket), inBucket[inBucket.length - 1]]);
    points.splice(from, inBucket.length, ...inBucket.filter((point) => kept.has(point)));
  }

  /** The points, cut at the gaps. */
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
 * How long a time without a price is a gap: longer than the time between two
 * points that stand for many, which for hourly ones is up to an hour and a half.
 *
 * @param {number} length of the range, ms
 * @param {"tick" | "hour"} resolution
 * @param {number} staleAfter ms
 */
export function gapOf(length, resolution, staleAfter) {
  const least = Math.max(staleAfter, (3 * length) / BUCKETS);
  return resolution === "hour" ? least + 1.5 * HOUR_MS : least;
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
 * At most *most* of the points: first, last, and each bucket's lowest and highest,
 * as `tracker/market/candles.py` chooses them.
 *
 * @param {Point[]} points
 * @param {number} most
 * @returns {Point[]}
 */
export function downsample(points, most) {
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
