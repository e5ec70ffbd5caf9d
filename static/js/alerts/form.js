/** The form for an alert. It shows how it understands the price as it is typed. */

import { one, setText } from "../lib/dom.js";
import { price } from "../lib/format.js";
import { byRank } from "../lib/market.js";
import { exampleAmount, otherCurrency, parseAmount } from "./amount.js";
import { isMet } from "./rules.js";
import { amount } from "./labels.js";

/**
 * @typedef {import("../lib/format.js").Currency} Currency
 * @typedef {import("../lib/market.js").Tick} Tick
 * @typedef {import("./rules.js").Alert} Alert
 */

export class AlertForm {
  /**
   * @param {HTMLFormElement} form
   * @param {string} coin selected at first
   * @param {(alert: Alert, tick: Tick) => Promise<string>} add returns a message
   */
  constructor(form, coin, add) {
    this.form = form;
    this.firstCoin = coin;
    this.add = add;
    this.coin = /** @type {HTMLSelectElement} */ (form.elements.namedItem("coin"));
    this.side = /** @type {HTMLSelectElement} */ (form.elements.namedItem("side"));
    this.limit = /** @type {HTMLInputElement} */ (form.elements.namedItem("limit"));
    this.code = one("[data-alert-code]", HTMLElement, form);
    this.hint = one("[data-hint]", HTMLElement, form);
    this.message = one("[data-message]", HTMLElement, form);
    /** @type {Tick | null} */
    this.tick = null;
    /** @type {Currency | null} */
    this.currency = null;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    form.addEventListener("input", () => this.#onInput());
    this.#showHint();
  }

  /**
   * Offer the newest tick's coins.
   *
   * @param {Tick} tick
   * @param {Currency} currency
   */
  setTick(tick, currency) {
    this.tick = tick;
    this.currency = currency;
    setText(this.code, tick.currency.toUpperCase());
    this.#offerCoins(tick);
    this.#showHint();
  }

  /** @param {string} text */
  setMessage(text) {
    setText(this.message, text);
  }

  /** @param {Tick} tick */
  #offerCoins({ quotes }) {
    const offers = byRank(quotes).map(({ id, name, symbol }) => ({
      id,
      text: `${name} (${symbol.toUpperCase()})`,
    }));
    const key = JSON.stringify(offers);
    if (key === this.coin.dataset.offers) return;
    this.coin.dataset.offers = key;
    const chosen = this.coin.value || this.firstCoin;
    this.coin.replaceChildren(...offers.map(({ id, text }) => new Option(text, id)));
    if (offers.some(({ id }) => id === chosen)) this.coin.value = chosen;
  }

  #onInput() {
    this.limit.removeAttribute("aria-invalid");
    this.setMessage("");
    this.#showHint();
  }

  get #quote() {
    return this.tick?.quotes.find(({ id }) => id === this.coin.value);
  }

  #showHint() {
    const quote = this.#quote;
    if (!quote || !this.currency) {
      setText(this.hint, "An alert can be set once there are prices.");
      return;
    }
    const { code } = this.currency;
    const value = parseAmount(this.limit.value, code);
    const understood =
      value === null
        ? this.#currencyProblem(code) || `Write it like ${exampleAmount()}.`
        : `Understood as ${amount(value, code)}.`;
    setText(this.hint, `${understood} Now ${price(quote.price, this.currency)}.`);
  }

  async #submit() {
    const quote = this.#quote;
    const { tick } = this;
    if (!quote || !tick) return this.setMessage("There are no prices yet to compare with.");
    const limit = parseAmount(this.limit.value, tick.currency);
    if (limit === null) return this.#refuse(tick.currency);
    const side = this.side.value === "below" ? "below" : "above";
    /** @type {Alert} */
    const alert = {
      id: `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`,
      coin: quote.id,
      name: quote.name,
      side,
      limit,
      currency: tick.currency,
      met: isMet(side, limit, quote.price),
      fired: null,
    };
    this.limit.value = ""; // before the wait: after it the next one may be half written
    this.#onInput();
    this.setMessage(await this.add(alert, tick));
  }

  /**
   * @param {string} code
   * @returns {string} words for an amount of another currency; "" if it is of none
   */
  #currencyProblem(code) {
    const mark = otherCurrency(this.limit.value, code);
    return mark && `Prices here are in ${code.toUpperCase()}, not in ${mark}.`;
  }

  /** @param {string} code */
  #refuse(code) {
    this.limit.setAttribute("aria-invalid", "true");
    this.limit.focus();
    const written = this.limit.value.trim();
    const problem = written
      ? this.#currencyProblem(code) || `“${written}” is not an amount above zero.`
      : "The price is missing.";
    this.setMessage(`${problem} Write it like ${exampleAmount()}.`);
  }
}
