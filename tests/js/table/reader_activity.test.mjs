/** A pointer that moves or presses is active, and the focus of the keyboard; one that rests or leaves is not. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { ReaderActivity } from "../../../static/js/table/reader_activity.js";
import { Clock } from "../../support/clock.mjs";

describe("a reader's activity", () => {
  const clock = new Clock();
  let element;
  let ended;
  let activity;

  beforeEach(() => {
    clock.install();
    element = new EventTarget();
    element.focused = null;
    element.querySelector = () => element.focused;
    ended = 0;
    activity = new ReaderActivity(element, () => ended++);
  });
  afterEach(() => clock.remove());

  test("there is none of a pointer that was never there", () => {
    assert.equal(activity.isActive(), false);
  });

  test("ends once a pointer has rested for half a minute, and that is reported once", () => {
    for (const kind of ["pointermove", "pointerdown", "keydown"]) {
      element.dispatchEvent(new Event(kind));
      clock.tick(29_900);
      assert.equal(activity.isActive(), true, kind);
    }
    clock.tick(99);
    assert.equal(ended, 0);
    clock.tick(60_000);
    assert.equal(ended, 1);
    assert.equal(activity.isActive(), false);
  });

  test("ends at once when the pointer leaves, reported if it held anything up", () => {
    element.dispatchEvent(new Event("pointermove"));
    element.dispatchEvent(new Event("pointerleave"));
    assert.equal(ended, 0);
    element.dispatchEvent(new Event("pointermove"));
    activity.isActive();
    element.dispatchEvent(new Event("pointerleave"));
    assert.deepEqual([ended, activity.isActive()], [1, false]);
  });

  test("lasts as long as the keyboard's focus, which may go from one to the next", () => {
    element.focused = "a link";
    clock.tick(100_000);
    assert.equal(activity.isActive(), true);
    element.focused = null; // between two
    element.dispatchEvent(new Event("focusout"));
    element.focused = "the next link";
    clock.tick(1);
    element.focused = null;
    assert.equal(ended, 0);
    element.dispatchEvent(new Event("focusout"));
    clock.tick(1);
    assert.deepEqual([ended, activity.isActive()], [1, false]);
  });
});
