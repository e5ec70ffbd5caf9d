/** Notifications, and browsers in which they do not work. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { notify, permission } from "../../../static/js/alerts/notify.js";

describe("a notification", () => {
  let made;
  let failed;

  beforeEach(() => {
    made = [];
    failed = 0;
    globalThis.isSecureContext = true;
    globalThis.Notification = class extends EventTarget {
      static permission = "granted";
      constructor(title, options) {
        super();
        Object.assign(this, { title, ...options });
        made.push(this);
      }
    };
  });
  afterEach(() => {
    delete globalThis.Notification;
    delete globalThis.isSecureContext;
  });
  const send = () => notify("Rose", { body: "It was 5.", tag: "a 1" }, () => failed++);

  test("is shown where it is allowed, and may fail later", () => {
    assert.equal(send(), true);
    assert.deepEqual([made[0].title, made[0].body, made[0].tag], ["Rose", "It was 5.", "a 1"]);
    made[0].dispatchEvent(new Event("error"));
    assert.equal(failed, 1);
  });

  test("is not shown without permission", () => {
    Notification.permission = "default";
    assert.deepEqual([send(), made.length], [false, 0]);
  });

  test("is not shown where only service workers may", () => {
    globalThis.Notification = class {
      static permission = "granted";
      constructor() {
        throw new TypeError("Illegal constructor");
      }
    };
    assert.equal(send(), false);
  });

  test("is unsupported on insecure pages, and where there is no such thing", () => {
    globalThis.isSecureContext = false;
    assert.deepEqual([permission(), send()], ["unsupported", false]);
    globalThis.isSecureContext = true;
    delete globalThis.Notification;
    assert.deepEqual([permission(), send()], ["unsupported", false]);
  });
});
