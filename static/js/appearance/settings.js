/**
 * The menu for the page's appearance. It stores the reader's choices and sends them
 * to theme.js. The menu itself is a popover, which the browser opens and closes.
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
function onChoice({ target }) {
  if (!(target instanceof HTMLInputElement)) return;
  write(target.name, target.value);
  const look = Object.fromEntries(choices.map((choice) => [choice, chosen(choice)]));
  document.dispatchEvent(new CustomEvent("look", { detail: look }));
}

const menu = document.querySelector("[data-settings]"); // an embedded page has none
if (menu instanceof HTMLElement) {
  show(menu);
  menu.addEventListener("change", onChoice);
  for (const choice of choices) onChange(choice, () => show(menu));
}
