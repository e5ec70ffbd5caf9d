/**
 * The common part of every live page: the stream, the indicator, and the prices' age.
 * Showing a tick is the page's own task.
 *
 * What the server rendered stays until the stream brings something newer.
 */

import { one, setText, show } from "../lib/dom.js";
import { ago } from "../lib/format.js";
import { PRICE, showOrigins } from "./origins.js";
import { isSilent, report, StatusIndicator } from "./status_indicator.js";
import { showFavicon } from "./tab.js";
import { parseTick } from "../lib/market.js";
import { Connection } from "../stream/connect.js";
import { localizeTimes, showTime } from "../lib/times.js";

/**
 * @typedef {import("../lib/format.js").Currency} Currency
 * @typedef {import("../lib/market.js").Status} Status
 * @typedef {import("../lib/market.js").Tick} Tick
 * @typedef {import("../stream/event_source.js").Link} Link
 *
 * @typedef {object} View
 * @property {(tick: Tick, currency: Currency) => void} [onTick] called with every tick
 *   once, also while the page is hidden; after a sleep with all that were missed. Its id
 *   is lower than the one before only where the server's ids have begun anew
 * @property {(tick: Tick, currency: Currency) => void} render called with the newest
 *   tick, at most once per frame; the first time with the one that the server rendered
 */

const CHECK_INTERVAL_MS = 1_000;
const MIN_SILENCE_MS = 10_000; // a connection that is silent for less is not renewed

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
    // The reader's clock may be wrong, so ages are by the server's.
    this.ahead = Number(dataset.now) - Date.now(); // ms
    this.tickHeldAt = (this.tick?.id ?? 0) - this.ahead; // its time, or when it was last confirmed
    this.indicator = new StatusIndicator(one("[data-indicator]"), one("[data-notice]"));
    const listener = {
      onLink: (/** @type {Link} */ link) => this.#setLink(link),
      onStatus: (/** @type {Status} */ status) => this.#setStatus(status),
      onTick: (/** @type {Tick} */ tick) => this.#setTick(tick),
    };
    this.stream = new Connection(dataset.stream ?? "/stream", listener, this.tick?.id);
    /** @type {Link} */
    this.link = { state: "connecting", nextAttemptAt: null };
    this.linkSince = Date.now();
    this.openedAt = Date.now();
    /** @type {Status | null} */
    this.status = null;
    this.needsRender = false;
  }

  start() {
    localizeTimes(document);
    if (this.tick) this.view.render(this.tick, this.currencyOf(this.tick.currency));
    this.#showOrigins(this.root.querySelectorAll(PRICE));
    this.root.addEventListener("pointerover", ({ target }) => {
      const price = target instanceof Element && target.closest(PRICE);
      if (price) this.#showOrigins([price]);
    });
    this.#connect();
    setInterval(() => this.#check(), CHECK_INTERVAL_MS);
    addEventListener("pagehide", () => this.stream.close());
    addEventListener("pageshow", (event) => event.persisted && this.#connect());
    addEventListener("online", () => this.link.state === "lost" && this.#connect());
  }

  /**
   * @param {string} code
   * @returns {Currency}
   */
  currencyOf(code) {
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
    if (status.state === "live") this.tickHeldAt = Date.now(); // sent again while it holds
    this.#check();
  }

  /** @param {Tick} tick */
  #setTick(tick) {
    this.tick = tick;
    this.tickHeldAt = Date.now();
    this.view.onTick?.(tick, this.currencyOf(tick.currency));
    if (!this.needsRender) requestAnimationFrame(() => this.#render());
    this.needsRender = true;
  }

  /** Of a replay only the newest tick is rendered. */
  #render() {
    const { tick } = this;
    this.needsRender = false;
    if (!tick) return;
    this.view.render(tick, this.currencyOf(tick.currency));
    show("[data-simulated]", this.#isSimulated(tick.source));
    show("[data-credit]", tick.source === "coingecko");
    showTime(document.querySelector("[data-updated]"), tick.id);
    this.#showOrigins(this.root.querySelectorAll(PRICE));
    this.#check();
  }

  /** @param {string} [source] the newest tick's */
  #isSimulated(source) {
    return source === "simulated" || this.root.dataset.source === "simulated";
  }

  /** @param {Iterable<Element>} prices */
  #showOrigins(prices) {
    if (!this.tick) return;
    showOrigins(prices, this.tick, this.currencyOf(this.tick.currency), Date.now() + this.ahead);
  }

  /** Show the age of prices that are not live. */
  #showAge() {
    const isLive = this.root.dataset.state === "live";
    const text = isLive || !this.tick ? "" : `(${ago(Date.now() + this.ahead - this.tick.id, 10)})`;
    setText(one("[data-age]"), text);
    show("[data-age]", text !== "");
  }

  /** Show the state, and renew a connection that must be dead. */
  #check() {
    if (this.link.state === "connecting") return;
    const now = Date.now();
    const situation = {
      link: this.link,
      linkSince: this.linkSince,
      status: this.status,
      tickAge: this.tick === null ? null : now - this.tickHeldAt,
      staleAfter: this.staleAfter,
      hasPrices: Boolean(this.tick?.quotes.length),
      simulated: this.#isSimulated(this.tick?.source),
      now,
    };
    const shown = report(situation);
    this.indicator.show(shown);
    this.root.dataset.state = shown.state; // prices that are not live are grey
    showFavicon(shown.state);
    this.#showAge();
    this.#showOrigins(this.root.querySelectorAll("[data-price]")); // on a coin's page
    const quiet = now - Math.max(this.linkSince, this.openedAt);
    if (isSilent(situation) && quiet > Math.max(MIN_SILENCE_MS, this.staleAfter)) this.#connect();
  }
}

/** The tick that the server rendered, if there was one. */
function firstTick() {
  const text = document.querySelector("script[data-tick]")?.textContent?.trim();
  return text ? parseTick(text) : null;
}
