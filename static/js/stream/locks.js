/**
 * Web Locks as signs of life: a tab or worker holds a lock as long as it lives, and
 * when it ends, even by a crash, the browser grants the lock to the next that asked.
 *
 * Pages that did not come by HTTPS have no locks, and so no such signs.
 */

/**
 * Hold a lock that nobody else asks for first.
 *
 * @param {AbortSignal} [signal] releases it; without one it is held for life
 * @returns {Promise<string | null>} its name once it is held; null if it cannot be
 */
export async function holdLock(signal) {
  const name = `stream ${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
  return new Promise((resolve) => {
    const whileHeld = () => {
      resolve(name);
      return new Promise((release) => signal?.addEventListener("abort", release, { once: true }));
    };
    if (!navigator.locks) resolve(null);
    else navigator.locks.request(name, { signal }, whileHeld).catch(() => resolve(null));
  });
}

/**
 * Call *then* when the holder of the lock *name* has ended.
 *
 * @param {string} name
 * @param {() => void} then
 * @param {AbortSignal} [signal] ends the wait
 */
export function afterEndOf(name, then, signal) {
  navigator.locks.request(name, { signal }, then).catch(() => {});
}
