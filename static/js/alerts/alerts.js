/**
 * Price alerts on a page: the button in the top bar, its dialog, and the messages
 * of alerts that have fired. The page passes every tick on to `onTick`.
 */

import { one, setText, show } from "../lib/dom.js";
import { AlertForm } from "./form.js";
import { KeyedList } from "./list.js";
import { notify, onPermissionChange, permission, requestPermission } from "./notify.js";
import { AlertStore, keyOf, MAX_ALERTS } from "./store.js";
import { Toasts } from "./toasts.js";
import { confirmation, description, detail, headline, standing } from "./labels.js";

/**
 * @typedef {import("../lib/market.js").Tick} Tick
 * @typedef {import("./rules.js").Alert} Alert
 */

const NOT_STORED = "Your browser stores nothing for this site: it lasts as long as this page.";

export class Alerts {
  /** @param {string} [coin] selected in the form at first */
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
        focusAfterLast: () => this.form.limit,
      },
    );
    this.toasts = new Toasts(
      one("[data-toasts]"),
      (firings) => this.store.dismiss(firings),
      () => this.button,
    );
    this.#listen();
    this.#show();
  }

  /**
   * To be called with every tick, in order. A repetition does nothing; an older one is
   * of ids that have begun anew.
   *
   * @param {Tick} tick
   */
  onTick(tick) {
    const before = this.tick?.id ?? 0;
    this.tick = tick;
    if (tick.id < before) this.store.startOver(before);
    this.store.judge(tick, (firings) => this.#deliver(firings));
  }

  /**
   * To be called with the newest tick, at first the one that the server rendered.
   *
   * @param {Tick} tick
   * @param {import("../lib/format.js").Currency} currency
   */
  render(tick, currency) {
    this.onTick(tick);
    this.form.setTick(tick, currency);
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
      await requestPermission();
      this.#showPermission();
      this.form.limit.focus(); // the button that had the focus is gone
    });
    onPermissionChange(() => this.#showPermission());
  }

  #open() {
    this.form.setMessage("");
    this.#showPermission();
    this.#showList();
    this.dialog.showModal();
  }

  #show() {
    const { waiting } = this.store;
    const count = waiting.length;
    setText(one("[data-badge]"), count ? String(count) : "");
    this.button.setAttribute("aria-label", count ? `Alerts, ${count} new` : "Alerts");
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
    setText(one("[data-description]", HTMLElement, item), description(alert));
    setText(one("[data-standing]", HTMLElement, item), standing(alert, this.tick));
    one("button", HTMLElement, item).setAttribute("aria-label", `Remove: ${description(alert)}`);
  }

  #showPermission() {
    show("[data-permission]", false, this.dialog);
    show(`[data-permission=${permission()}]`, true, this.dialog);
  }

  /**
   * @param {Alert} alert
   * @param {Tick} tick
   */
  async #add(alert, tick) {
    if (await this.store.add(alert, tick)) {
      return this.store.areStored ? confirmation(alert) : `${confirmation(alert)} ${NOT_STORED}`;
    }
    return `You can have ${MAX_ALERTS} alerts. Remove one first.`;
  }

  /**
   * Notify the reader; return the firings that must be shown on the page instead.
   *
   * @param {import("./rules.js").Firing[]} firings
   */
  #deliver(firings) {
    return firings.filter((firing) => {
      const options = { body: detail(firing), tag: keyOf(firing) };
      return !notify(headline(firing), options, () => this.store.keep([firing]));
    });
  }
}
