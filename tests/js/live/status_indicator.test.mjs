/** The indicator tells the truth: only all of link, server and age make it "live". */

import assert from "node:assert/strict";
import { test } from "node:test";

import { isSilent, report, stateOf } from "../../../static/js/live/status_indicator.js";

const live = {
  link: { state: "open", nextAttemptAt: null },
  linkSince: 0,
  status: { state: "live", since: null, reason: null, next_attempt_at: null },
  tickAge: 1000,
  staleAfter: 180_000,
  hasPrices: true,
  simulated: false,
  now: 100_000,
};
const lost = { state: "lost", nextAttemptAt: 105_000 };
const offline = {
  state: "offline",
  since: null,
  reason: "no way",
  next_attempt_at: "2026-11-23T06:14:07.352Z",
};

test("live when the link speaks, the server is live and the tick is young", () => {
  assert.equal(stateOf(live), "live");
  assert.equal(report(live).notable, false);
});

test("what the server says of its prices is passed on", () => {
  for (const state of ["stale", "offline", "starting"]) {
    assert.equal(stateOf({ ...live, status: { ...live.status, state } }), state);
  }
});

test("a lost link is told before anything else", () => {
  assert.equal(stateOf({ ...live, link: lost, status: offline }), "reconnecting");
  assert.equal(report({ ...live, link: lost, status: offline }).reason, null);
});

test("a short break needs no words", () => {
  assert.equal(report({ ...live, link: lost, linkSince: 99_000 }).notable, false);
  assert.equal(report({ ...live, link: lost, linkSince: 90_000 }).notable, true);
  assert.equal(report({ ...live, link: lost, linkSince: 90_000 }).nextAttemptAt, 105_000);
});

test("an old tick is stale even if the server once said live, and the link is suspect", () => {
  const old = { ...live, tickAge: 180_001 };
  assert.equal(stateOf(old), "stale");
  assert.equal(isSilent(old), true);
  assert.equal(isSilent({ ...old, status: { ...live.status, state: "stale" } }), false);
  assert.equal(isSilent(live), false);
});

test("nobody waits for the next answer of a source that answers", () => {
  const next_attempt_at = offline.next_attempt_at;
  for (const ok of [true, false]) {
    const status = { ...live.status, reason: "no bitcon", next_attempt_at, sources: [{ ok }] };
    const said = report({ ...live, status });
    assert.equal(said.nextAttemptAt, ok ? null : Date.parse(next_attempt_at));
  }
});

test("live with a reason is no notice but a problem, which the pill says", () => {
  const said = report({ ...live, status: { ...live.status, reason: "HTTP 500" } });
  assert.deepEqual([said.state, said.notable, said.hasProblem], ["live", false, true]);
  assert.equal(said.reason, "HTTP 500");
  assert.equal(report(live).hasProblem, false);
});

test("how the sources do is told while it is known, also of live prices", () => {
  const sources = [{ name: "kraken", ok: false, since: null, reason: "Kraken: HTTP 503" }];
  const ill = { ...live, status: { ...live.status, sources } };
  assert.deepEqual([report(ill).sources, report(ill).notable], [sources, false]);
  assert.deepEqual(report({ ...ill, link: lost }).sources, []);
});

test("the demo is offered only where nothing can be shown and nothing is simulated", () => {
  const empty = { ...live, status: offline, hasPrices: false, tickAge: null };
  assert.equal(report(empty).hint, true);
  assert.equal(report(empty).nextAttemptAt, Date.parse(offline.next_attempt_at));
  assert.equal(report({ ...empty, simulated: true }).hint, false);
  assert.equal(report({ ...empty, hasPrices: true }).hint, false);
});
