/** The week's lines are loaded when they are due, and a failure is silent. */

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";

import { SparklineLoader } from "../../../static/js/table/sparkline_loader.js";

const MINUTE = 60_000;
const WEEK = { bitcoin: [[1, 1], [2, 3]], ether: [[1, 3], [2, 1]], young: [[2, 1]] };

describe("sparklines", () => {
  afterEach(() => delete globalThis.fetch);

  test("are tried again after a minute, and renewed after a quarter of an hour", async () => {
    const loaded = [];
    let requests = 0;
    globalThis.fetch = async () => {
      if (++requests === 1) throw new TypeError("offline");
      if (requests === 2) return { ok: false };
      return { ok: true, json: async () => ({ coins: WEEK }) };
    };
    const loader = new SparklineLoader("/api/history", (lines) => loaded.push([...lines.keys()]));
    for (const minute of [0, 0.9, 1, 2, 3, 16.9, 17]) await loader.refresh(2, minute * MINUTE + 1e6);
    assert.equal(requests, 4); // at 0, 1, 2 and 17 minutes
    assert.deepEqual(loaded, [["bitcoin", "ether"], ["bitcoin", "ether"]]);
  });

  test("are requested again after a minute while coins are missing", async () => {
    let requests = 0;
    globalThis.fetch = async () => {
      requests += 1;
      return { ok: true, json: async () => ({ coins: WEEK }) };
    };
    const loader = new SparklineLoader("/api/history", () => {});
    for (const minute of [0, 1, 2]) await loader.refresh(3, minute * MINUTE + 1e6);
    assert.equal(requests, 3);
  });
});
