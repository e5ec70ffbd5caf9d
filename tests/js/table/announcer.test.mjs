/** Announcements come at once, those of a search only when typing has paused. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Announcer } from "../../../static/js/table/announcer.js";
import { Clock } from "../../support/clock.mjs";

test("of several results while the reader types, only the last is announced", () => {
  const clock = new Clock();
  clock.install();
  const element = { textContent: "" };
  const announcer = new Announcer(element);
  for (const text of ["2 of 3 coins", "2 of 3 coins", "1 of 3 coins"]) {
    announcer.announceAfterPause(text);
    clock.tick(450);
    assert.equal(element.textContent, "");
  }
  clock.tick(50);
  assert.equal(element.textContent, "1 of 3 coins");
  announcer.announceAfterPause("All 3 coins");
  announcer.announce("Sorted by price, descending.");
  clock.tick(1_000);
  assert.equal(element.textContent, "Sorted by price, descending.");
  clock.remove();
});
