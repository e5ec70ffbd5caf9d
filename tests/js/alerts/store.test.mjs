/** One set of alerts for all tabs: each tick is judged by one of them. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { AlertStore, keyOf, MAX_ALERTS } from "../../../static/js/alerts/store.js";

const ALERT = {
  id: "a",
  coin: "bitcoin",
  name: "Bitcoin",
  side: "above",
  limit: 100,
  currency: "usd",
  met: false,
  fired: null,
};
const LATER = 100_000;
const tick = (id, price) => ({ id, currency: "usd", quotes: [{ id: "bitcoin", price }] });

/** `localStorage`, as far as it is used. */
class Storage extends Map {
  getItem = (key) => this.get(key) ?? null;
  setItem = (key, value) => this.set(key, value);
}

describe("alerts", () => {
  let changes;
  let storage;

  beforeEach(() => {
    changes = 0;
    storage = new Storage();
    globalThis.addEventListener = () => {};
    Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
    Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true }); // no locks
  });
  afterEach(() => {
    for (const name of ["addEventListener", "localStorage", "navigator"]) delete globalThis[name];
  });
  const store = () => new AlertStore(() => changes++);

  test("fire in one tab only, and what cannot be shown there waits for all", async () => {
    const [one, other] = [store(), store()];
    await one.add(ALERT, tick(1, 99));
    const fired = [];
    const deliver = (firings) => {
      fired.push(...firings.map(({ at, price }) => [at, price]));
      return firings;
    };
    for (const each of [tick(2, 101), tick(3, 102), tick(4, 99), tick(LATER, 103)]) {
      await one.judge(each, deliver);
      await other.judge(each, deliver);
    }
    assert.deepEqual(fired, [[2, 101], [LATER, 103]]);
    assert.deepEqual(other.waiting.map(({ at }) => at), [LATER, 2]);
    await other.dismiss([one.waiting[0]]);
    assert.deepEqual(one.waiting.map(keyOf), ["a 2"]);
    await one.remove("a");
    assert.deepEqual(other.alerts, []);
    assert.ok(changes >= 5);
  });

  test("do not fire by a tick that is older than they are", async () => {
    const one = store();
    await one.add(ALERT, tick(5, 99));
    await one.judge(tick(4, 101), (firings) => assert.fail(firings));
  });

  test("fire also where ids were ahead: of the clock, or of those that come now", async () => {
    const [one, other] = [store(), store()];
    const fired = [];
    const deliver = (firings) => (fired.push(...firings.map(({ at }) => at)), firings);
    await one.add(ALERT, tick(Date.now() + 365 * 86_400_000, 99));
    await one.judge(tick(7, 101), deliver);
    await one.judge(tick(8, 99), deliver);
    await one.startOver(8);
    await one.judge(tick(3, 101), deliver);
    await other.startOver(8); // it notices later, and does not judge again what was judged
    await other.judge(tick(2, 99), deliver);
    assert.deepEqual(fired, [7, 3]);
    assert.equal(one.alerts[0].met, true);
  });

  test("wait for those whose lock is refused, and for notifications that failed", async () => {
    navigator.locks = { request: async () => Promise.reject(new DOMException("no", "SecurityError")) };
    const one = store();
    assert.equal(await one.add(ALERT, tick(1, 99)), true);
    let kept;
    await one.judge(tick(2, 101), (firings) => {
      kept = one.keep(firings);
      return [];
    });
    await kept;
    assert.equal(one.waiting.length, 1);
  });

  test("are there without storage, which is said, and stored once it is allowed", async () => {
    const one = store();
    const { setItem } = storage;
    storage.setItem = () => {
      throw new DOMException("no", "QuotaExceededError");
    };
    assert.equal(await one.add(ALERT, tick(1, 99)), true);
    assert.deepEqual([one.alerts.length, one.areStored], [1, false]);
    storage.setItem = setItem;
    await one.add({ ...ALERT, id: "b" }, tick(2, 99));
    assert.deepEqual([one.alerts.length, one.areStored], [2, true]);
  });

  test("are fifty at most", async () => {
    const one = store();
    for (let count = 0; count < MAX_ALERTS; count++) {
      assert.equal(await one.add({ ...ALERT, id: `${count}` }, tick(1, 99)), true);
    }
    assert.equal(await one.add(ALERT, tick(1, 99)), false);
    await one.judge(tick(2, 101), (firings) => firings);
    assert.equal(one.waiting.length, MAX_ALERTS);
  });

  test("are none where something else is stored", () => {
    for (const text of ["{", "7", "null", '{"alerts": []}', '[{"id": "a"}]', "[null]"]) {
      for (const key of ["alerts", "alerts-waiting"]) storage.set(`tracker:${key}`, text);
      assert.deepEqual([store().alerts, store().waiting], [[], []], text);
    }
  });
});
