/** Helpers for elements, which are changed only where a value differs. */

/**
 * The first element that matches. Raises an error if there is none.
 *
 * @template {Element} [T=HTMLElement]
 * @param {string} selector
 * @param {new () => T} [type]
 * @param {ParentNode} [root]
 * @returns {T}
 */
export function one(selector, type, root = document) {
  const found = root.querySelector(selector);
  if (!(found instanceof (type ?? HTMLElement))) throw new Error(`the page has no ${selector}`);
  return /** @type {T} */ (/** @type {unknown} */ (found));
}

/**
 * Show or hide all elements that match.
 *
 * @param {string} selector
 * @param {boolean} visible
 * @param {ParentNode} [root]
 */
export function show(selector, visible, root = document) {
  for (const element of root.querySelectorAll(selector)) {
    element.toggleAttribute("hidden", !visible);
  }
}

/**
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string} value
 */
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/**
 * @param {HTMLElement} element
 * @param {string} title
 */
export function setTitle(element, title) {
  if (element.title !== title) element.title = title;
}

/**
 * @param {HTMLElement | SVGElement} element
 * @param {string} key
 * @param {string} value
 */
export function setData(element, key, value) {
  if (element.dataset[key] !== value) element.dataset[key] = value;
}
