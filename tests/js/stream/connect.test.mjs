/** A tab's connection: by the shared worker, else its own, and never a tick lost or twice. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { Connection } from "../../../static/js/stream/connect.js";
import { Clock } from "../../support/clock.mjs";
import { FakeEventSource } from "../../support/fake_event_source.mjs";

/** A shared worker that loads unless the test says otherwise, and does as the test says. */
class FakeWorker extends EventTarget {
  static made = [];

  constructor() {
    super();
    this.requests = [];
    this.port = { postMessage: (request) => this.requests.push(request), close() {} };
    FakeWorker.made.push(this);
  }

  say(event, value) {
    this.port.onmessage({ data: { event, value } });
  }
}

/** A channel between tabs; *said* is what this one has said, a time when it opened its stream. */
class FakeChannel {
  static made = [];
  said = [];

  constructor() {
    FakeChannel.made.push(this);
  }

  postMessage(data) {
    this.said.push(data);
  }

  close() {
    this.onmessage = () => {};
  }
}

const tick = (id) => ({ id, quotes: [] });
const newest = () => FakeEventSource.made.at(-1);
const urls = () => FakeEventSource.made.map(({ url }) => url.replace("http://tracker.test", ""));
const received = [];
let clock;
let windowEvents;

describe("a tab", () => {
  beforeEach(() => {
    clock = new Clock();
    clock.install();
    windowEvents = new EventTarget();
    globalThis.addEventListener = (...args) => windowEvents.addEventListener(...args);
    globalThis.document = Object.assign(new EventTarget(), { baseURI: "http://tracker.test/", hidden: false });
    Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true }); // no locks
    globalThis.EventSource = FakeEventSource;
    globalThis.SharedWorker = FakeWorker;
    globalThis.BroadcastChannel = FakeChannel;
    FakeChannel.made = [];
    FakeEventSource.made = [];
    FakeWorker.made = [];
    received.length = 0;
  });

  afterEach(() => {
    clock.remove();
    const made = ["addEventListener", "document", "navigator", "EventSource", "SharedWorker", "BroadcastChannel"];
    for (const name of made) delete globalThis[name];
  });

  function opened(known) {
    const listener = {
      onLink: ({ state }) => received.push(state),
      onStatus: ({ state }) => received.push(state),
      onTick: ({ id }) => received.push(id),
    };
    const connection = new Connection("/stream", listener, known);
    connection.open();
    return connection;
  }

  test("the shared worker's events are the page's, each tick once and in order", () => {
    opened();
    const [worker] = FakeWorker.made;
    assert.deepEqual(worker.requests, [{ join: { url: "http://tracker.test/stream", last: null } }]);
    worker.say("onStatus", { state: "live" });
    worker.say("onLink", { state: "open" });
    for (const id of [1, 2, 2, 1, 3, 2, 4]) worker.say("onTick", tick(id));
    assert.deepEqual(received, ["live", "open", 1, 2, 3, 4]);
    assert.deepEqual(urls(), []);
  });

  test("after the server has begun anew a tick counts whatever its id, each once", () => {
    opened();
    const [worker] = FakeWorker.made;
    for (const id of [7, 8]) worker.say("onTick", tick(id));
    worker.say("onRestart");
    for (const id of [2, 2, 3]) worker.say("onTick", tick(id));
    worker.say("onRestart");
    for (const id of [3, 4]) worker.say("onTick", tick(id)); // for another tab that had missed some
    assert.deepEqual(received, [7, 8, 2, 3, 4]);
  });

  test("a tick that the page came with is not news, nor is an older one", () => {
    opened(5);
    const [worker] = FakeWorker.made;
    for (const id of [4, 5, 6]) worker.say("onTick", tick(id));
    assert.deepEqual(received, [6]);
  });

  test("without shared workers the tab has a stream of its own", () => {
    delete globalThis.SharedWorker;
    opened();
    assert.deepEqual(urls(), ["/stream"]);
  });

  test("where workers are refused the tab has a stream of its own", () => {
    globalThis.SharedWorker = function refuse() {
      throw new DOMException("not here", "SecurityError");
    };
    opened();
    assert.deepEqual(urls(), ["/stream"]);
  });

  test("a worker that cannot be loaded is replaced at once", () => {
    opened();
    FakeWorker.made[0].dispatchEvent(new Event("error"));
    assert.deepEqual(urls(), ["/stream"]);
  });

  test("a worker that is silent for ten seconds is replaced, from the newest tick on", () => {
    const connection = opened();
    FakeWorker.made[0].say("onTick", tick(5));
    clock.tick(60_000);
    connection.open();
    clock.tick(9_999);
    assert.deepEqual(urls(), []);
    clock.tick(1);
    assert.deepEqual(urls(), ["/stream?last_event_id=5"]);
    assert.deepEqual(FakeWorker.made[0].requests.at(-1), { leave: true });
  });

  test("a closed connection stays closed, whatever its worker does", () => {
    opened().close();
    FakeWorker.made[0].dispatchEvent(new Event("error"));
    clock.tick(60_000);
    document.dispatchEvent(new Event("freeze"));
    document.dispatchEvent(new Event("resume"));
    assert.deepEqual([urls(), FakeWorker.made.length], [[], 1]);
  });

  test("a frozen tab leaves, and returns to where it was", () => {
    opened();
    FakeWorker.made[0].say("onTick", tick(7));
    document.dispatchEvent(new Event("freeze"));
    assert.deepEqual(FakeWorker.made[0].requests.at(-1), { leave: true });
    document.dispatchEvent(new Event("resume"));
    assert.equal(FakeWorker.made[1].requests[0].join.last, 7);
  });

  const earlier = { data: Date.now() - 60_000 };
  const later = { data: Date.now() + 60_000 };
  const closed = { data: "closed" };
  const kinds = ({ said }) => said.map((data) => (data === "closed" ? data : typeof data));

  function hide(isHidden) {
    document.hidden = isHidden;
    document.dispatchEvent(new Event("visibilitychange"));
  }

  test("a hidden tab with a stream of its own makes room for another, until it is seen", () => {
    delete globalThis.SharedWorker;
    const connection = opened();
    const [channel] = FakeChannel.made;
    newest().say("prices", tick(5));
    channel.onmessage(later);
    assert.equal(newest().readyState, 0, "it is seen");
    hide(true);
    assert.equal(newest().readyState, 0, "nobody needs its place");
    channel.onmessage(later);
    assert.equal(newest().readyState, FakeEventSource.CLOSED);
    clock.tick(60_000);
    connection.open();
    assert.equal(urls().length, 1);
    hide(false);
    assert.deepEqual(urls(), ["/stream", "/stream?last_event_id=5"]);
    assert.deepEqual(kinds(channel), ["number", "number"]);
  });

  test("of hidden tabs that open at once, each before it hears of the others, the last stays open", () => {
    delete globalThis.SharedWorker;
    opened();
    hide(true);
    FakeChannel.made[0].onmessage(earlier);
    assert.equal(newest().readyState, 0);
  });

  test("one of the hidden ones takes over from a tab that ends, and the last one says so", () => {
    delete globalThis.SharedWorker;
    const connection = opened();
    const [channel] = FakeChannel.made;
    hide(true);
    for (const message of [later, closed, later]) channel.onmessage(message);
    clock.tick(60_000);
    assert.equal(urls().length, 1, "another one was quicker");
    channel.onmessage(closed);
    clock.tick(2_000);
    assert.equal(urls().length, 2);
    connection.close();
    assert.deepEqual(kinds(channel), ["number", "number", "closed"]);
    assert.equal(newest().readyState, FakeEventSource.CLOSED);
  });

  test("a lost link is tried at once by a page that is online again or looked at again", () => {
    delete globalThis.SharedWorker;
    opened();
    newest().fail(true);
    clock.tick(1_000);
    windowEvents.dispatchEvent(new Event("online"));
    assert.equal(urls().length, 2);
    newest().fail(true);
    clock.tick(1_000);
    document.hidden = true;
    document.dispatchEvent(new Event("visibilitychange"));
    assert.equal(urls().length, 2, "nobody looks");
    document.hidden = false;
    document.dispatchEvent(new Event("visibilitychange"));
    assert.equal(urls().length, 3);
    newest().say("status", { state: "live" });
    clock.tick(20_000);
    windowEvents.dispatchEvent(new Event("online"));
    assert.equal(urls().length, 3, "nothing was lost");
  });
});
