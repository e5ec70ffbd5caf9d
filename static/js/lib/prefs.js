/**
 * What a reader has chosen, kept in the browser and shared by its tabs.
 *
 * A browser may refuse storage (private windows, embedded pages): then a choice
 * lasts as long as the page. What is read back may be anything, an older
 * version's or somebody's own: each caller says what it accepts.
 */

const PREFIX = "tracker:";

/** @type {Map<string, unknown>} what could not be stored */
const unstored = new Map();

/**
 * @template T
 * @param {string} key
 * @param {T} otherwise when nothing, or nothing acceptable, is stored
 * @param {(value: unknown) => boolean} accepts
 * @returns {T}
 */
export function read(key, otherwise, accepts) {
  try {
    const text = localStorage.getItem(PREFIX + key);
    const value = text === null ? unstored.get(key) : JSON.parse(text);
    return accepts(value) ? /** @type {T} */ (value) : otherwise;
  } catch {
    const value = unstored.get(key);
    return accepts(value) ? /** @type {T} */ (value) : otherwise;
  }
}

/**
 * @param {string} key
 * @param {unknown} value
 */
export function write(key, value) {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value));
    unstored.delete(key);
  } catch {
    unstored.set(key, value);
  }
}

/**
 * Be told when another tab has written *key*.
 *
 * @param {string} key
 * @param {() => void} listener
 */
export function onChange(key, listener) {
  addEventListener("storage", (event) => {
    if (event.key === PREFIX + key || event.key === null) listener();
  });
}
