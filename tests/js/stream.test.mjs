import assert from "node:assert/strict";
import { test } from "node:test";

import { delayBefore } from "../../static/js/stream/source.js";

test("delays double up to a minute and are spread by half to either side", () => {
  assert.equal(delayBefore(0, 0.5), 3_000);
  assert.equal(delayBefore(1, 0.5), 6_000);
  assert.equal(delayBefore(50, 0.5), 60_000);
  assert.equal(delayBefore(0, 0), 1_500);
  assert.equal(delayBefore(0, 1), 4_500);
});
