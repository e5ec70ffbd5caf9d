/**
 * The live page: connects the stream to the table, the clock and the indicator.
 *
 * What the server painted stays until the stream has something else to say.
 */

import { ago } from "./format.js";
import { Indicator, isSilent, report } from "./indicator.js";
import { PriceStream } from "./stream.js";
import { CoinTable } from "./table.js";
import { localizeTimes, showTime } from "./times.js";

/**
 * @typedef {import("./format.js").Currency} Currency
 * @typedef {import("./market.js").Status} Status
 * @typedef {import("./market.js").Tick} Tick
 * @typedef {import("./stream.js").Link} Link
 */

const CHECK = 1_000; // ms between two looks at the age of things
const GRACE = 10_000; // ms at least before a connection may be found silent

class Page {
  /** @param {HTMLElement} market */
  constructor(market) {
    const { dataset } = market;
    this.market = market;
    this.staleAfter = Number(dataset.staleAfter);
    this.tickId = dataset.tick ? Number(dataset.tick) : null;
    // Both of the server's clock: the reader's may be wrong.
    this.tickBorn = Date.now() - (Number(dataset.now) - (this.tickId ?? 0));
    this.table = new CoinTable(one("[data-rows]"), one("[data-row-template]", HTMLTemplateElement));
    this.indicator = new Indicator(one("[data-indicator]"), one("[data-notice]"));
    this.stream = new PriceStream(dataset.stream ?? "/stream", {
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
    /** @type {Tick | null} the newest one that is not painted yet */
    this.pending = null;
  }

  start() {
    localizeTimes(document);
    this.#connect();
    setInterval(() => this.#check(), CHECK);
    addEventListener("pagehide", () => this.stream.close());
    addEventListener("pageshow", (event) => event.persisted && this.#connect());
    addEventListener("online", () => this.link.state === "lost" && this.#connect());
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

  /**
   * Paint at most once per frame: of a replay only the newest tick matters.
   *
   * @param {Tick} tick
   */
  #setTick(tick) {
    if (tick.id === this.tickId) return;
    this.tickId = tick.id;
    this.tickBorn = Date.now();
    if (!this.pending) requestAnimationFrame(() => this.#paint());
    this.pending = tick;
  }

  #paint() {
    const tick = this.pending;
    this.pending = null;
    if (!tick) return;
    this.table.show(tick.quotes, this.#currency(tick.currency));
    show("[data-table]", tick.quotes.length > 0);
    show("[data-empty]", tick.quotes.length === 0);
    this.#showSource(tick);
    showTime(document.querySelector("[data-updated]"), tick.id);
    this.#check();
  }

  /** @param {Tick} tick */
  #showSource({ source, currency }) {
    show("[data-simulated]", this.#isSimulated(source));
    show("[data-credit]", source === "coingecko");
    one("[data-code]").textContent = currency.toUpperCase();
    this.source = source;
  }

  /** @param {string} [source] the newest tick's */
  #isSimulated(source) {
    return source === "simulated" || this.market.dataset.source === "simulated";
  }

  /**
   * @param {string} code
   * @returns {Currency}
   */
  #currency(code) {
    const { currency, symbol, cents } = this.market.dataset;
    if (code !== currency) return { code, symbol: "", cents: 2 };
    return { code, symbol: symbol ?? "", cents: Number(cents) };
  }

  /** @param {number | null} tickAge that of prices which are not live, ms */
  #showAge(tickAge) {
    const text = tickAge === null ? "" : `(${ago(tickAge)})`;
    const element = one("[data-age]");
    if (element.textContent !== text) element.textContent = text;
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
      tickAge: this.tickId === null ? null : now - this.tickBorn,
      staleAfter: this.staleAfter,
      hasPrices: this.table.rows.size > 0,
      simulated: this.#isSimulated(this.source),
      now,
    };
    const said = report(situation);
    this.indicator.show(said);
    this.#showAge(said.state === "live" ? null : situation.tickAge);
    const quiet = now - Math.max(this.linkSince, this.openedAt);
    if (isSilent(situation) && quiet > Math.max(GRACE, this.staleAfter)) this.#connect();
  }
}

/**
 * @template {HTMLElement} T
 * @param {string} selector
 * @param {new () => T} [type]
 * @returns {T}
 */
function one(selector, type) {
  const found = document.querySelector(selector);
  if (!(found instanceof (type ?? HTMLElement))) throw new Error(`the page has no ${selector}`);
  return /** @type {T} */ (found);
}

/**
 * @param {string} selector
 * @param {boolean} visible
 */
function show(selector, visible) {
  for (const element of document.querySelectorAll(selector)) {
    element.toggleAttribute("hidden", !visible);
  }
}

new Page(one("[data-market]")).start();
