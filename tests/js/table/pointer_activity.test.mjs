/** A pointer that moves, presses or focuses is active, one that rests or leaves is not. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { PointerActivity } from "../../../static/js/table/pointer_activity.js";
import { Clock } from "../../support/clock.mjs";

describe("a pointer", () => {
  const clock = new Clock();
  let element;
  let ended;
  let activity;

  beforeEach(() => {
    clock.install();
    element = new EventTarget();
    ended = 0;
    activity = new PointerActivity(element, () => ended++);
  });
  afterEach(() => clock.remove());

  test("that was never there is not active", () => {
    assert.equal(activity.isActive(), false);
  });

  test("that rests for three seconds is no longer active, and that is reported once", () => {
    for (const kind of ["pointermove", "pointerdown", "focusin", "keydown"]) {
      element.dispatchEvent(new Event(kind));
      clock.tick(2_900);
      assert.equal(activity.isActive(), true, kind);
    }
    clock.tick(99);
    assert.equal(ended, 0);
    clock.tick(60_000);
    assert.equal(ended, 1);
    assert.equal(activity.isActive(), false);
  });

  test("that leaves is reported at once, if it held anything up", () => {
    element.dispatchEvent(new Event("pointermove"));
    element.dispatchEvent(new Event("pointerleave"));
    assert.equal(ended, 0);
    element.dispatchEvent(new Event("pointermove"));
    activity.isActive();
    element.dispatchEvent(new Event("pointerleave"));
    assert.deepEqual([ended, activity.isActive()], [1, false]);
  });
});
