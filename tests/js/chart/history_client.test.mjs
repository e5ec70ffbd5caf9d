/** Of several requests the newest counts, and a failure is a sentence for the reader. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { HistoryClient, HistoryError } from "../../../static/js/chart/history_client.js";
import { Clock } from "../../support/clock.mjs";

describe("a history", () => {
  const clock = new Clock();
  let client;
  let requests;

  beforeEach(() => {
    clock.install();
    client = new HistoryClient("/history");
    requests = [];
    globalThis.fetch = (url, { signal }) =>
      new Promise((resolve, reject) => {
        const answer = (range) => resolve({ ok: true, json: async () => ({ range }) });
        requests.push({ url, signal, answer, resolve, reject });
        signal.addEventListener("abort", () => reject(signal.reason));
      });
  });
  afterEach(() => {
    clock.remove();
    delete globalThis.fetch;
  });

  test("of a range is loaded", async () => {
    const loading = client.load("7d");
    assert.equal(client.isLoading, true);
    assert.equal(requests[0].url, "/history?range=7d");
    requests[0].answer("7d");
    assert.deepEqual(await loading, { range: "7d" });
    assert.equal(client.isLoading, false);
  });

  test("that is no longer wanted is null, and the newest one comes", async () => {
    const [early, late] = [client.load("7d"), client.load("1h")];
    assert.equal(requests[0].signal.aborted, true);
    assert.equal(await early, null);
    assert.equal(client.isLoading, true);
    requests[1].answer("1h");
    assert.deepEqual(await late, { range: "1h" });
  });

  test("that does not come in twenty seconds is an error", async () => {
    const loading = client.load("7d");
    clock.tick(20_000);
    await assert.rejects(loading, new HistoryError("The server cannot be reached."));
  });

  test("that the server refuses is an error with its code", async () => {
    const loading = client.load("7d");
    requests[0].resolve({ ok: false, status: 503 });
    await assert.rejects(loading, new HistoryError("The server answered 503."));
    assert.equal(client.isLoading, false);
  });
});
