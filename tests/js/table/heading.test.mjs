/** The heading says what the table shows. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { heading } from "../../../static/js/table/heading.js";

test("the heading says what the table shows", () => {
  for (const [top, shown, text] of [
    [10, 10, "Top 10 by market cap"],
    [50, 9, "Top 9 by market cap"],
    [10, 12, "Top 10 and 2 more"],
    [0, 3, "Your 3 coins"],
    [0, 1, "Your coin"],
  ]) {
    assert.equal(heading(top, shown), text);
  }
});
