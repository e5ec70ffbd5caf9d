/** A browser's `EventSource`, as far as it is used; its other end is the test. */
export class FakeEventSource extends EventTarget {
  static CLOSED = 2;
  static made = [];

  constructor(url) {
    super();
    this.url = url;
    this.readyState = 0;
    FakeEventSource.made.push(this);
  }

  close() {
    this.readyState = FakeEventSource.CLOSED;
  }

  say(type, data) {
    if (this.readyState === FakeEventSource.CLOSED) return;
    this.dispatchEvent(Object.assign(new Event(type), { data: JSON.stringify(data) }));
  }

  /** @param {boolean} forGood whether the browser gives up */
  fail(forGood) {
    if (forGood) this.close();
    this.dispatchEvent(new Event("error"));
  }
}
