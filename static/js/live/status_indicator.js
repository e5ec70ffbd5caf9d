/**
 * The state of the page's prices, and the elements that show it.
 *
 * Three conditions make "live": the stream is open, the server reports its own
 * prices as live, and the newest tick is young. The last one is checked here as
 * well, because a connection can die without the browser noticing.
 */

import { one, setText, show } from "../lib/dom.js";
import { sourceName } from "../lib/market.js";
import { showTime } from "../lib/times.js";

/**
 * @typedef {"live" | "stale" | "offline" | "starting" | "reconnecting"} State
 *
 * @typedef {object} Situation
 * @property {import("../stream/event_source.js").Link} link
 * @property {number} linkSince unix ms
 * @property {import("../lib/market.js").Status | null} status the newest the server has sent
 * @property {number | null} tickAge ms
 * @property {number} staleAfter the age of a tick at which it counts as old, ms
 * @property {boolean} hasPrices the table has rows
 * @property {boolean} simulated
 * @property {number} now unix ms
 *
 * @typedef {object} Report what the page shows
 * @property {State} state
 * @property {boolean} notable whether a notice is shown
 * @property {boolean} hasProblem whether something is worse although prices are live: the pill
 *   says so, and what it opens says what
 * @property {string | null} reason
 * @property {number | null} nextAttemptAt unix ms
 * @property {boolean} hasPrices
 * @property {import("../lib/market.js").Status["sources"]} sources
 * @property {boolean} hint whether `make demo` would help
 */

const SHORT_BREAK_MS = 4_000; // a reconnect that takes no longer needs no notice
const LABELS = {
  live: "Live",
  stale: "Stale",
  offline: "Offline",
  starting: "Starting",
  reconnecting: "Reconnecting",
};

/**
 * @param {Situation} situation
 * @returns {State}
 */
export function stateOf({ link, status, tickAge, staleAfter }) {
  if (link.state === "lost") return "reconnecting";
  if (link.state === "connecting") return "starting";
  if (status && status.state !== "live") return status.state;
  if (tickAge === null) return "starting";
  return tickAge > staleAfter ? "stale" : "live";
}

/**
 * Whether the connection must be dead although it counts as open: a server whose
 * ticks had stopped would have sent another status than "live".
 *
 * @param {Situation} situation
 */
export function isSilent(situation) {
  return (
    situation.link.state === "open" &&
    situation.status?.state === "live" &&
    stateOf(situation) === "stale"
  );
}

/**
 * @param {Situation} situation
 * @returns {Report}
 */
export function report(situation) {
  const { link, linkSince, status, hasPrices, simulated, now } = situation;
  const state = stateOf(situation);
  const lost = state === "reconnecting";
  const known = !lost && status?.state === state ? status : null;
  const answers = known?.state === "live" && known.sources?.[0]?.ok; // nobody waits for its next
  const attempt = answers ? null : known?.next_attempt_at;
  return {
    state,
    notable: {
      live: false,
      starting: !hasPrices || Boolean(known?.reason),
      stale: true,
      offline: true,
      reconnecting: now - linkSince >= SHORT_BREAK_MS,
    }[state],
    hasProblem: state === "live" && Boolean(known?.reason),
    reason: known?.reason ?? null,
    nextAttemptAt: lost ? link.nextAttemptAt : attempt ? Date.parse(attempt) : null,
    hasPrices,
    sources: known?.sources ?? [],
    hint: !hasPrices && !simulated && (state === "offline" || state === "stale"),
  };
}

export class StatusIndicator {
  /**
   * @param {HTMLElement} pill
   * @param {HTMLElement} notice
   */
  constructor(pill, notice) {
    this.pill = pill;
    this.notice = notice;
    this.shown = "";
  }

  /** @param {Report} report */
  show(report) {
    const key = JSON.stringify(report);
    if (key === this.shown) return;
    this.shown = key;
    this.#showPill(report);
    this.#showNotice(report);
    this.#showSources(report);
  }

  /** @param {Report} report */
  #showPill({ state, hasProblem, reason }) {
    this.pill.dataset.state = state;
    show("[data-when-problem]", hasProblem);
    setText(one("[data-problem-reason]"), hasProblem ? (reason ?? "") : "");
    setText(one("[data-label]", HTMLElement, this.pill), LABELS[state]);
  }

  /** @param {Report} report */
  #showSources({ sources }) {
    const blank = one("[data-source-template]", HTMLTemplateElement).content.firstElementChild;
    const items = sources.map(({ name, ok, since, reason }) => {
      const item = /** @type {HTMLElement} */ (blank?.cloneNode(true));
      item.dataset.ok = String(ok);
      setText(one("[data-source-name]", HTMLElement, item), sourceName(name));
      setText(one("[data-reason]", HTMLElement, item), reason ?? "");
      showTime(item.querySelector("[data-since]"), since === null ? null : Date.parse(since));
      return item;
    });
    one("[data-sources]").replaceChildren(...items);
  }

  /** @param {Report} report */
  #showNotice({ state, notable, reason, nextAttemptAt, hasPrices, hint }) {
    this.notice.hidden = !notable;
    show("[data-when]", false, this.notice);
    show(`[data-when=${state}]`, true, this.notice);
    show("[data-when-prices]", hasPrices && state !== "live", this.notice);
    show("[data-when-reason]", Boolean(reason), this.notice);
    show("[data-when-next]", nextAttemptAt !== null, this.notice);
    show("[data-when-lost]", hint, this.notice);
    setText(one("[data-reason]", HTMLElement, this.notice), reason ?? "");
    showTime(this.notice.querySelector("[data-next]"), nextAttemptAt);
  }
}
