/** Asking the server for a range: the newest wish counts, and none waits for ever. */

/**
 * @typedef {import("./series.js").Past} Past
 * @typedef {import("./series.js").Range} Range
 */

const PATIENCE = 20_000; // ms

/** It failed; the message is a sentence for the reader. */
export class InquiryError extends Error {}

export class Inquiry {
  /** @type {AbortController | null} */
  #current = null;

  /** @param {string} url the history's, without a range */
  constructor(url) {
    this.url = url;
  }

  get isUnderWay() {
    return this.#current !== null;
  }

  /**
   * What there is of a range; null when another was asked for meanwhile.
   * Raises `InquiryError`.
   *
   * @param {Range} range
   * @returns {Promise<Past | null>}
   */
  async ask(range) {
    this.#current?.abort();
    const current = new AbortController();
    this.#current = current;
    const timer = setTimeout(() => current.abort(), PATIENCE);
    try {
      const past = await read(`${this.url}?range=${range}`, current.signal);
      return current === this.#current ? past : null;
    } catch (error) {
      if (current !== this.#current) return null;
      throw error instanceof InquiryError ? error : new InquiryError(REASON);
    } finally {
      clearTimeout(timer);
      if (current === this.#current) this.#current = null;
    }
  }
}

const REASON = "The server cannot be reached.";

/**
 * @param {string} url
 * @param {AbortSignal} signal
 * @returns {Promise<Past>}
 */
async function read(url, signal) {
  const headers = { Accept: "application/json" };
  const response = await fetch(url, { signal, headers, cache: "no-cache" });
  if (!response.ok) throw new InquiryError(`The server answered ${response.status}.`);
  return response.json();
}
