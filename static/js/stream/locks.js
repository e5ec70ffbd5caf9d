/**
 * Web Locks as signs of life: whoever holds one is there, and when it ends, in
 * whatever way, the browser gives the lock to the next who asked.
 *
 * Where there are no locks (a page that did not come by HTTPS) there are no signs.
 */

/**
 * A lock's name that nobody else has.
 *
 * @param {string} of what it is the lock of
 */
export function unique(of) {
  return `stream ${of} ${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
}

/**
 * Take the lock *name*, which nobody else asks for first, until *signal* is aborted.
 *
 * @param {string} name
 * @param {AbortSignal} [signal] without one: as long as this tab or worker lives
 * @returns {Promise<void>} resolved as soon as it is held; rejected if it cannot be
 */
export function hold(name, signal) {
  return new Promise((held, refused) => {
    const whileHeld = () => {
      held();
      return new Promise((release) => signal?.addEventListener("abort", release, { once: true }));
    };
    navigator.locks.request(name, { signal }, whileHeld).catch(refused);
  });
}

/**
 * Wait for the end of whoever holds the lock *name*, or until *signal* is aborted.
 *
 * @param {string} name
 * @param {() => void} then called only if it ended
 * @param {AbortSignal} [signal]
 */
export function afterEndOf(name, then, signal) {
  navigator.locks.request(name, { signal }, then).catch(() => {});
}
