/**
 * The room of the alerts: a button in the top bar, the dialog behind it, and what
 * happens when one fires. A page hands it every tick.
 */

import { one, setText } from "../lib/dom.js";
import { AlertForm } from "./form.js";
import { KeyedList } from "./list.js";
import { ask, notify, onPermission, permission } from "./notify.js";
import { AlertStore, keyOf, MOST } from "./store.js";
import { Toasts } from "./toasts.js";
import { confirmed, described, detail, headline, standing } from "./labels.js";

/**
 * @typedef {import("../lib/format.js").Currency} Currency
 * @typedef {import("../lib/market.js").Tick} Tick
 * @typedef {import("./rules.js").Alert} Alert
 * @typedef {import("./rules.js").Firing} Firing
 */

export class Alerts {
  /** @param {string} [coin] that the form begins with */
  constructor(coin = "") {
    /** @type {Tick | null} the newest */
    this.tick = null;
    this.button = one("[data-open-alerts]", HTMLButtonElement);
    this.dialog = one("[data-alerts]", HTMLDialogElement);
    this.store = new AlertStore(() => this.#show());
    this.form = new AlertForm(
      one("[data-alert-form]", HTMLFormElement),
      coin,
      (alert, tick) => this.#add(alert, tick),
    );
    /** @type {KeyedList<Alert>} */
    this.list = new KeyedList(
      one("[data-alert-list]"),
      one("[data-alert-template]", HTMLTemplateElement),
      {
        key: (alert) => alert.id,
        fill: (item, alert) => this.#fill(item, alert),
        remove: (alert) => this.store.remove(alert.id),
        after: () => this.form.limit,
      },
    );
    this.toasts = new Toasts(
      one("[data-toasts]"),
      (seen) => this.store.dismiss(seen),
      () => this.button,
    );
    this.#listen();
    this.#show();
  }

  /**
   * To be called with every tick, in order; with one that was heard already it does nothing.
   *
   * @param {Tick} tick
   */
  hear(tick) {
    this.tick = tick;
    this.store.hear(tick, (firings) => this.#deliver(firings));
  }

  /**
   * To be called with the newest tick, and the one that the server painted.
   *
   * @param {Tick} tick
   * @param {Currency} currency
   */
  paint(tick, currency) {
    this.hear(tick);
    this.form.offer(tick, currency);
    if (this.dialog.open) this.#showList();
  }

  #listen() {
    this.button.addEventListener("click", () => this.#open());
    this.dialog.addEventListener("click", ({ target }) => {
      const isBackdrop = target === this.dialog;
      const isClose = target instanceof Element && target.closest("[data-close]");
      if (isBackdrop || isClose) this.dialog.close();
    });
    one("[data-allow]").addEventListener("click", async () => {
      await ask();
      this.#showPermission();
      this.form.limit.focus(); // the button that had the focus is gone
    });
    onPermission(() => this.#showPermission());
  }

  #open() {
    this.form.say("");
    this.#showPermission();
    this.#showList();
    this.dialog.showModal();
  }

  #show() {
    const { waiting } = this.store;
    const many = waiting.length;
    setText(one("[data-badge]"), many ? String(many) : "");
    this.button.setAttribute("aria-label", many ? `Alerts, ${many} to be seen` : "Alerts");
    this.toasts.show(waiting);
    if (this.dialog.open) this.#showList();
  }

  #showList() {
    const { alerts } = this.store;
    this.list.show(alerts);
    one("[data-no-alerts]").hidden = alerts.length > 0;
  }

  /**
   * @param {HTMLElement} item
   * @param {Alert} alert
   */
  #fill(item, alert) {
    setText(one("[data-described]", HTMLElement, item), described(alert));
    setText(one("[data-standing]", HTMLElement, item), standing(alert, this.tick));
    one("button", HTMLElement, item).setAttribute("aria-label", `Remove: ${described(alert)}`);
  }

  #showPermission() {
    const now = permission();
    for (const words of this.dialog.querySelectorAll("[data-permission]")) {
      words.toggleAttribute("hidden", words.getAttribute("data-permission") !== now);
    }
  }

  /**
   * @param {Alert} alert
   * @param {Tick} tick
   */
  async #add(alert, tick) {
    if (await this.store.add(alert, tick)) return confirmed(alert);
    return `There is room for ${MOST} alerts. Remove one first.`;
  }

  /**
   * Show what fired; return what the reader has to be shown on the page.
   *
   * @param {Firing[]} firings
   */
  #deliver(firings) {
    return firings.filter((firing) => {
      const options = { body: detail(firing), tag: keyOf(firing) };
      return !notify(headline(firing), options, () => this.store.keep([firing]));
    });
  }
}
