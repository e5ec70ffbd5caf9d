/** The connection to the stream, over an `EventSource` whose other end is the test. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { delayBefore, ReconnectingEventSource, resuming } from "../../../static/js/stream/event_source.js";
import { Clock } from "../../support/clock.mjs";
import { FakeEventSource } from "../../support/fake_event_source.mjs";

const heard = [];
let clock;
let stream;

describe("a connection", () => {
  beforeEach(() => {
    clock = new Clock();
    clock.install();
    globalThis.EventSource = FakeEventSource;
    FakeEventSource.made = [];
    heard.length = 0;
    stream = new ReconnectingEventSource("/stream", {
      onLink: (link) => heard.push(link.state),
      onStatus: (status) => heard.push(status.state),
      onTick: (tick) => heard.push(tick.id),
      onRestart: () => heard.push("restart"),
    });
    stream.open();
  });

  afterEach(() => {
    clock.remove();
    delete globalThis.EventSource;
  });

  const newest = () => FakeEventSource.made.at(-1);
  const urls = () => FakeEventSource.made.map((source) => source.url);

  test("delays double up to a minute and are spread by half to either side", () => {
    assert.equal(delayBefore(0, 0.5), 3_000);
    assert.equal(delayBefore(1, 0.5), 6_000);
    assert.equal(delayBefore(50, 0.5), 60_000);
    assert.equal(delayBefore(0, 0), 1_500);
    assert.equal(delayBefore(0, 1), 4_500);
  });

  test("the address says after which tick to go on, whatever else it says", () => {
    assert.equal(resuming("/stream", null), "/stream");
    assert.equal(resuming("/stream", 7), "/stream?last_event_id=7");
    assert.equal(resuming("/stream?coins=a", 7), "/stream?coins=a&last_event_id=7");
  });

  test("the link is open once the server has said something, and that is told once", () => {
    newest().say("status", { state: "live" });
    newest().say("prices", { id: 1, quotes: [] });
    newest().say("prices", { id: 2, quotes: [] });
    assert.deepEqual(heard, ["live", "open", 1, 2]);
  });

  test("a connection that is silent for two and a half heartbeats is replaced, and again if need be", () => {
    newest().say("status", { state: "live", heartbeat_s: 15 });
    newest().say("prices", { id: 7, quotes: [] });
    clock.tick(37_000);
    newest().say("status", { state: "live", heartbeat_s: 15 }); // the heartbeat
    clock.tick(37_000);
    assert.equal(urls().length, 1);
    clock.tick(1_000);
    assert.deepEqual(urls(), ["/stream", "/stream?last_event_id=7"]);
    assert.equal(heard.at(-1), "lost");
    clock.tick(60_000); // quick, then slower
    assert.equal(urls().length, 9);
    clock.tick(60_000);
    assert.equal(urls().length, 12);
    newest().say("status", { state: "live", heartbeat_s: 15 });
    assert.equal(heard.at(-1), "open");
    clock.tick(37_000);
    assert.equal(urls().length, 12);
  });

  test("a server that does not say its heartbeat may be silent", () => {
    newest().say("status", { state: "live" });
    clock.tick(600_000);
    assert.equal(urls().length, 1);
  });

  test("a connection that the browser mends is left to it", () => {
    newest().fail(false);
    clock.tick(120_000);
    assert.deepEqual([heard, urls()], [["lost"], ["/stream"]]);
  });

  test("one that it gave up is opened again after a while, after the newest tick heard", () => {
    newest().say("prices", { id: 5, quotes: [] });
    newest().say("prices", { id: 6, quotes: [] });
    newest().fail(true);
    assert.equal(FakeEventSource.made.length, 1);
    clock.tick(4_500);
    assert.deepEqual(urls(), ["/stream", "/stream?last_event_id=6"]);
    newest().fail(true);
    clock.tick(9_000);
    assert.equal(urls().at(-1), "/stream?last_event_id=6");
  });

  test("what a replay tells again does not set it back", () => {
    newest().say("prices", { id: 6, quotes: [] });
    stream.open(4);
    newest().say("prices", { id: 5, quotes: [] });
    newest().say("prices", { id: 6, quotes: [] });
    assert.equal(stream.last, 6);
  });

  test("a server that cannot continue begins anew, whatever the ids", () => {
    newest().say("prices", { id: 6, quotes: [] });
    newest().say("resume", { last_event_id: "6", recovered: true, replayed: 0 });
    newest().say("resume", { last_event_id: "6", recovered: false, replayed: 0 });
    newest().say("prices", { id: 2, quotes: [] });
    assert.deepEqual(heard, [6, "open", "restart", 2]);
    assert.equal(stream.last, 2);
  });

  test("ten who find it silent get one new connection", () => {
    newest().say("status", { state: "live" });
    clock.tick(180_000);
    for (let tab = 0; tab < 10; tab++) stream.renew();
    assert.equal(FakeEventSource.made.length, 2);
    clock.tick(9_000);
    stream.renew();
    assert.equal(FakeEventSource.made.length, 2);
  });

  test("while the link is lost it is tried at once, and not waited for", () => {
    newest().fail(true);
    clock.tick(1_000);
    stream.renew();
    stream.renew();
    assert.equal(FakeEventSource.made.length, 2);
    newest().say("status", { state: "live" });
    clock.tick(60_000);
    assert.equal(FakeEventSource.made.length, 2, "the attempt that was waited for is off");
  });

  test("closed means silent", () => {
    const source = newest();
    stream.close();
    source.fail(true);
    clock.tick(60_000);
    assert.deepEqual([heard, urls()], [[], ["/stream"]]);
  });
});
