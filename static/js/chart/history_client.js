/** Requests a coin's history: a newer request replaces the one before, and each has a timeout. */

/** @typedef {import("./series.js").History} History */

const TIMEOUT_MS = 20_000;

/** The request failed; the message is a sentence for the reader. */
export class HistoryError extends Error {}

export class HistoryClient {
  /** @type {AbortController | null} */
  #current = null;

  /** @param {string} url the history's, without a range */
  constructor(url) {
    this.url = url;
  }

  get isLoading() {
    return this.#current !== null;
  }

  /**
   * The history of a range; null if another was requested meanwhile. Raises `HistoryError`.
   *
   * @param {string} range
   * @returns {Promise<History | null>}
   */
  async load(range) {
    this.#current?.abort();
    const current = new AbortController();
    this.#current = current;
    const timer = setTimeout(() => current.abort(), TIMEOUT_MS);
    try {
      const history = await request(`${this.url}?range=${range}`, current.signal);
      return current === this.#current ? history : null;
    } catch (error) {
      if (current !== this.#current) return null;
      if (error instanceof HistoryError) throw error;
      throw new HistoryError("The server cannot be reached.");
    } finally {
      clearTimeout(timer);
      if (current === this.#current) this.#current = null;
    }
  }
}

/**
 * @param {string} url
 * @param {AbortSignal} signal
 * @returns {Promise<History>}
 */
async function request(url, signal) {
  const headers = { Accept: "application/json" };
  const response = await fetch(url, { signal, headers, cache: "no-cache" });
  if (!response.ok) throw new HistoryError(`The server answered ${response.status}.`);
  return response.json();
}
