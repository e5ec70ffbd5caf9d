/**
 * Preferences in the browser's storage, shared by its tabs.
 *
 * A browser may refuse storage (private windows, embedded pages): then a choice
 * lasts as long as the page. A stored value may be anything, of an older version
 * or edited by hand: each caller says what it accepts.
 */

const PREFIX = "tracker:";

/** @type {Map<string, unknown>} values that could not be stored */
const unstored = new Map();

/**
 * @template T
 * @param {string} key
 * @param {T} otherwise when nothing, or nothing acceptable, is stored
 * @param {(value: unknown) => boolean} accepts
 * @returns {T}
 */
export function read(key, otherwise, accepts) {
  let value = unstored.get(key);
  try {
    const text = localStorage.getItem(PREFIX + key);
    if (text !== null) value = JSON.parse(text);
  } catch {
    // Storage is refused, or holds no JSON.
  }
  return accepts(value) ? /** @type {T} */ (value) : otherwise;
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
 * Whether what was written is in the browser's storage, and not in this page alone.
 *
 * @param {string} key
 */
export function isStored(key) {
  return !unstored.has(key);
}

/**
 * Call *listener* when another tab has written *key*.
 *
 * @param {string} key
 * @param {() => void} listener
 */
export function onChange(key, listener) {
  addEventListener("storage", (event) => {
    if (event.key === PREFIX + key || event.key === null) listener();
  });
}
