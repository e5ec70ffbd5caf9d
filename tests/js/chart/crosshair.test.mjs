/** Which point a key, a finger or the mouse selects. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { selectBy } from "../../../static/js/chart/crosshair.js";

const LEFT = 30; // px from the window's edge to the plot's

describe("a reader of the chart", () => {
  let calls;
  let plot;

  beforeEach(() => {
    calls = [];
    plot = Object.assign(new EventTarget(), {
      getBoundingClientRect: () => ({ left: LEFT }),
      contains: (node) => node === plot,
    });
    globalThis.document = new EventTarget();
    globalThis.Node = EventTarget;
    selectBy(plot, {
      selectAt: (x) => calls.push(x),
      move: (step) => calls.push(step),
      clear: () => calls.push("clear"),
      count: () => 100,
    });
  });
  afterEach(() => {
    delete globalThis.document;
    delete globalThis.Node;
  });

  function send(type, values) {
    const event = Object.assign(new Event(type, { cancelable: true }), values);
    plot.dispatchEvent(event);
    return event.defaultPrevented;
  }

  test("goes by keys: one point, a tenth, or to the end", () => {
    const keys = ["ArrowLeft", "ArrowRight", "PageUp", "PageDown", "Home", "End"];
    for (const key of keys) assert.equal(send("keydown", { key }), true, key);
    assert.deepEqual(calls, [-1, 1, 10, -10, -Infinity, Infinity]);
  });

  test("leaves other keys, and those with modifiers, to the browser", () => {
    for (const values of [{ key: "a" }, { key: "ArrowLeft", altKey: true }, { key: "Home", ctrlKey: true }]) {
      assert.equal(send("keydown", values), false);
    }
    assert.deepEqual(calls, []);
    send("keydown", { key: "Escape" });
    assert.deepEqual(calls, ["clear"]);
  });

  test("points within the plot", () => {
    send("pointermove", { clientX: LEFT + 5 });
    send("pointerdown", { clientX: LEFT });
    assert.deepEqual(calls, [5, 0]);
  });

  test("keeps a finger's point, not the mouse's, when it leaves", () => {
    send("pointerleave", { pointerType: "touch" });
    assert.deepEqual(calls, []);
    send("pointerleave", { pointerType: "mouse" });
    document.dispatchEvent(new Event("pointerdown"));
    send("blur");
    assert.deepEqual(calls, ["clear", "clear", "clear"]);
  });
});
