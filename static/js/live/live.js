/**
 * What every live page has: the stream, the clock, the indicator, and honesty
 * about age. What is done with a tick is the page's own.
 *
 * What the server painted stays until the stream has something else to say.
 */

import { one, setText, show } from "../lib/dom.js";
import { ago } from "../lib/format.js";
import { Indicator, isSilent, report } from "./status_indicator.js";
import { parseTick } from "../lib/market.js";
import { Connection } from "../stream/connect.js";
import { localizeTimes, showTime } from "../lib/times.js";

/**
 * @typedef {import("../lib/format.js").Currency} Currency
 * @typedef {import("../lib/market.js").Status} Status
 * @typedef {import("../lib/market.js").Tick} Tick
 * @typedef {import("../stream/event_source.js").Link} Link
 *
 * @typedef {object} View what a page does
 * @property {(tick: Tick, currency: Currency) => void} [hear] every tick once, as it
 *   comes, also while the page is hidden; after a sleep all that were missed
 * @property {(tick: Tick, currency: Currency) => void} paint the newest tick, at most
 *   once per frame; the first time with what the server had painted
 */

const CHECK = 1_000; // ms between two looks at the age of things
const GRACE = 10_000; // ms at least before a connection may be found silent

export class LivePage {
  /**
   * @param {HTMLElement} root the element with `data-live`
   * @param {View} view
   */
  constructor(root, view) {
    const { dataset } = root;
    this.root = root;
    this.view = view;
    this.staleAfter = Number(dataset.staleAfter);
    /** @type {Tick | null} the newest one */
    this.tick = firstTick();
    // The reader's clock may be wrong, so ages are of the server's.
    this.ahead = Number(dataset.now) - Date.now(); // ms, the server's clock
    this.tickBorn = (this.tick?.id ?? 0) - this.ahead; // or when it was last said to hold
    this.indicator = new Indicator(one("[data-indicator]"), one("[data-notice]"));
    this.stream = new Connection(dataset.stream ?? "/stream", {
      onLink: (link) => this.#setLink(link),
      onStatus: (status) => this.#setStatus(status),
      onTick: (tick) => this.#setTick(tick),
    });
    /** @type {Link} */
    this.link = { state: "connecting", nextAttemptAt: null };
    this.linkSince = Date.now();
    this.openedAt = Date.now();
    /** @type {Status | null} */
    this.status = null;
    this.unpainted = false;
  }

  start() {
    localizeTimes(document);
    if (this.tick) this.view.paint(this.tick, this.currencyOf(this.tick));
    this.#connect();
    setInterval(() => this.#check(), CHECK);
    addEventListener("pagehide", () => this.stream.close());
    addEventListener("pageshow", (event) => event.persisted && this.#connect());
    addEventListener("online", () => this.link.state === "lost" && this.#connect());
  }

  /**
   * @param {Tick} tick
   * @returns {Currency}
   */
  currencyOf({ currency: code }) {
    const { currency, symbol, cents } = this.root.dataset;
    if (code !== currency) return { code, symbol: "", cents: 2 };
    return { code, symbol: symbol ?? "", cents: Number(cents) };
  }

  #connect() {
    this.openedAt = Date.now();
    this.stream.open();
  }

  /** @param {Link} link */
  #setLink(link) {
    if (link.state !== this.link.state) this.linkSince = Date.now();
    this.link = link;
    if (link.state === "lost") this.status = null;
    this.#check();
  }

  /** @param {Status} status */
  #setStatus(status) {
    this.status = status;
    if (status.state === "live") this.tickBorn = Date.now(); // said again when it still holds
    this.#check();
  }

  /** @param {Tick} tick */
  #setTick(tick) {
    if (this.tick && tick.id <= this.tick.id) return;
    this.tick = tick;
    this.tickBorn = Date.now();
    this.view.hear?.(tick, this.currencyOf(tick));
    if (!this.unpainted) requestAnimationFrame(() => this.#paint());
    this.unpainted = true;
  }

  /** Of a replay only the newest tick is painted. */
  #paint() {
    const { tick } = this;
    this.unpainted = false;
    if (!tick) return;
    this.view.paint(tick, this.currencyOf(tick));
    this.#showSource(tick);
    showTime(document.querySelector("[data-updated]"), tick.id);
    this.#check();
  }

  /** @param {Tick} tick */
  #showSource({ source }) {
    show("[data-simulated]", this.#isSimulated(source));
    show("[data-credit]", source === "coingecko");
  }

  /** @param {string} [source] the newest tick's */
  #isSimulated(source) {
    return source === "simulated" || this.root.dataset.source === "simulated";
  }

  /** Say how old prices are that are not live. */
  #showAge() {
    const isLive = this.root.dataset.state === "live";
    const text = isLive || !this.tick ? "" : `(${ago(Date.now() + this.ahead - this.tick.id)})`;
    setText(one("[data-age]"), text);
    show("[data-age]", text !== "");
  }

  /** Say what is true now, and give up a connection that must be dead. */
  #check() {
    if (this.link.state === "connecting") return;
    const now = Date.now();
    const situation = {
      link: this.link,
      linkSince: this.linkSince,
      status: this.status,
      tickAge: this.tick === null ? null : now - this.tickBorn,
      staleAfter: this.staleAfter,
      hasPrices: Boolean(this.tick?.quotes.length),
      simulated: this.#isSimulated(this.tick?.source),
      now,
    };
    const said = report(situation);
    this.indicator.show(said);
    this.root.dataset.state = said.state; // for the look: prices that are not live are grey
    this.#showAge();
    const quiet = now - Math.max(this.linkSince, this.openedAt);
    if (isSilent(situation) && quiet > Math.max(GRACE, this.staleAfter)) this.#connect();
  }
}

/** The tick that the server painted, if there was one. */
function firstTick() {
  const text = document.querySelector("script[data-tick]")?.textContent?.trim();
  return text ? parseTick(text) : null;
}
