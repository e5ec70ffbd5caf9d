/** One stream for many: newcomers know at once, who returns lacks nothing, the last one closes. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { FanOut } from "../../../static/js/stream/fan_out.js";

const LIVE = { state: "live", since: null, reason: null, next_attempt_at: null };
const OPEN = { state: "open", nextAttemptAt: null };
const LOST = { state: "lost", nextAttemptAt: 5_000 };
const tick = (id) => ({ id, at: "", currency: "usd", source: "test", quotes: [] });

/** A source that keeps what it was asked for. */
class Source {
  last = null;
  asked = [];

  open(last = this.last) {
    this.last = last;
    this.asked.push(["open", last]);
  }

  renew() {
    this.asked.push(["renew"]);
  }

  close() {
    this.asked.push(["close"]);
  }
}

/** A listener that keeps what it was told. */
function ears() {
  const heard = [];
  const keep = (value) => heard.push(value.id ?? value.state);
  return { heard, onLink: keep, onStatus: keep, onTick: keep, onRestart: () => heard.push("restart") };
}

function shared() {
  const source = new Source();
  const stream = new FanOut("/stream", () => source);
  const say = (id) => {
    source.last = Math.max(source.last ?? 0, id);
    stream.onTick(tick(id));
  };
  return { source, stream, say };
}

test("the first one opens the stream, and all hear what comes", () => {
  const { source, stream, say } = shared();
  const [one, other] = [ears(), ears()];
  stream.join(one, null);
  stream.join(other, null);
  assert.deepEqual(source.asked, [["open", null]]);
  stream.onStatus(LIVE);
  stream.onLink(OPEN);
  say(1);
  assert.deepEqual(one.heard, ["live", "open", 1]);
  assert.deepEqual(other.heard, one.heard);
});

test("a newcomer is told status, link and newest tick at once", () => {
  const { stream, say } = shared();
  stream.join(ears(), null);
  stream.onStatus(LIVE);
  stream.onLink(OPEN);
  say(1);
  say(2);
  const late = ears();
  stream.join(late, null);
  assert.deepEqual(late.heard, ["live", "open", 2]);
});

test("while the link is lost a newcomer is told so, and no status that may hold no longer", () => {
  const { stream } = shared();
  stream.join(ears(), null);
  stream.onStatus(LIVE);
  stream.onLink(LOST);
  const late = ears();
  stream.join(late, null);
  assert.deepEqual(late.heard, ["lost"]);
});

test("who returns and lacks ticks gets them from the server, in order, not the newest first", () => {
  const { source, stream, say } = shared();
  stream.join(ears(), null);
  for (const id of [1, 2, 3]) say(id);
  const back = ears();
  stream.join(back, 1);
  assert.deepEqual(back.heard, []);
  assert.deepEqual(source.asked.at(-1), ["open", 1]);
});

test("who returns and lacks nothing leaves the connection alone", () => {
  const { source, stream, say } = shared();
  stream.join(ears(), null);
  say(3);
  stream.join(ears(), 3);
  assert.equal(source.asked.length, 1);
});

test("a stream that has heard nothing yet goes on where somebody has heard something", () => {
  const { source, stream } = shared();
  stream.join(ears(), null);
  stream.join(ears(), 7);
  stream.join(ears(), 7);
  assert.deepEqual(source.asked, [
    ["open", null],
    ["open", 7],
  ]);
});

test("ids that begin anew are told to all, and the tick of before to nobody", () => {
  const { source, stream, say } = shared();
  const one = ears();
  stream.join(one, null);
  say(9);
  stream.onRestart();
  const between = ears();
  stream.join(between, null);
  source.last = null;
  say(2);
  const late = ears();
  stream.join(late, null);
  assert.deepEqual([one.heard, between.heard, late.heard], [[9, "restart", 2], [2], [2]]);
  stream.join(ears(), 9); // it was frozen meanwhile: the server says what it lacks
  assert.deepEqual(source.asked.at(-1), ["open", 9]);
});

test("who has left hears nothing, and after the last one the stream is closed", () => {
  const { source, stream, say } = shared();
  const [one, other] = [ears(), ears()];
  stream.join(one, null);
  stream.join(other, null);
  stream.leave(one);
  say(1);
  assert.deepEqual([one.heard, other.heard], [[], [1]]);
  assert.equal(source.asked.length, 1);
  stream.leave(other);
  assert.deepEqual(source.asked.at(-1), ["close"]);
});
