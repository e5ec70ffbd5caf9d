/** `<time>` elements in the reader's own zone. */

import { clock, moment } from "./format.js";

/**
 * Show a moment, or a dash where there is none.
 *
 * @param {Element | null} element a `<time>`
 * @param {number | null} ms unix milliseconds
 * @param {number} [now]
 */
export function showTime(element, ms, now = Date.now()) {
  if (!(element instanceof HTMLTimeElement)) return;
  if (ms === null) {
    element.removeAttribute("datetime");
    element.textContent = "–";
    return;
  }
  element.dateTime = new Date(ms).toISOString();
  element.title = moment(ms);
  element.textContent = clock(ms, now);
}

/**
 * Make the server's UTC times local.
 *
 * @param {ParentNode} root
 */
export function localizeTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    showTime(element, Date.parse(/** @type {HTMLTimeElement} */ (element).dateTime));
  }
}
