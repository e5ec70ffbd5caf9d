/**
 * The menu of the page's look. It keeps the reader's choices and tells them to
 * theme.js; how they look is the business of the styles. The menu itself, a
 * popover, is opened and closed by the browser.
 */

import { onChange, read, write } from "../lib/prefs.js";

const CHOICES = {
  theme: ["system", "light", "dark"],
  palette: ["green-red", "blue-orange"],
};

/** @typedef {keyof typeof CHOICES} Choice */

const choices = /** @type {Choice[]} */ (Object.keys(CHOICES));

/** @param {Choice} choice */
function chosen(choice) {
  const accepted = CHOICES[choice];
  return read(choice, accepted[0], (value) => accepted.includes(/** @type {any} */ (value)));
}

/** @param {HTMLElement} menu */
function show(menu) {
  for (const choice of choices) {
    const input = menu.querySelector(`[name=${choice}][value=${chosen(choice)}]`);
    if (input instanceof HTMLInputElement) input.checked = true;
  }
}

/** @param {Event} event */
function keep({ target }) {
  if (!(target instanceof HTMLInputElement)) return;
  write(target.name, target.value);
  const look = Object.fromEntries(choices.map((choice) => [choice, chosen(choice)]));
  document.dispatchEvent(new CustomEvent("look", { detail: look }));
}

/** @param {HTMLElement} menu */
function serve(menu) {
  show(menu);
  menu.addEventListener("change", keep);
  for (const choice of choices) onChange(choice, () => show(menu));
}

const menu = document.querySelector("[data-settings]");
if (menu instanceof HTMLElement) serve(menu);
