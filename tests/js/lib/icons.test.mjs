/** Icons are asked for in the size that both sides' shared cases say. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { smallIcon } from "../../../static/js/lib/icons.js";

const cases = JSON.parse(readFileSync(new URL("../../support/format_cases.json", import.meta.url), "utf8"));

const HOSTS = ["https://coin-images.coingecko.com/", "https://assets.coingecko.com/"];

for (const [url, small] of cases.small_icon) {
  test(`the small icon of ${url}`, () => assert.equal(smallIcon(url, HOSTS), small));
}
