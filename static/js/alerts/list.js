/**
 * A list whose items are made from a `<template>` and kept by key, so that the focus
 * stays where it is while others come and go. Each item has one button, which removes it.
 */

import { one } from "../lib/dom.js";

/** @template T */
export class KeyedList {
  /**
   * @param {HTMLElement} list
   * @param {HTMLTemplateElement} template one item
   * @param {object} options
   * @param {(value: T) => string} options.key
   * @param {(item: HTMLElement, value: T) => void} options.fill
   * @param {(value: T) => void} options.remove
   * @param {() => HTMLElement} options.focusAfterLast where the focus goes when the last item is removed
   */
  constructor(list, template, { key, fill, remove, focusAfterLast }) {
    this.list = list;
    this.template = template;
    this.key = key;
    this.fill = fill;
    this.remove = remove;
    this.focusAfterLast = focusAfterLast;
    /** @type {Map<string, HTMLElement>} */
    this.items = new Map();
  }

  /** @param {T[]} values in order */
  show(values) {
    const present = new Set(values.map(this.key));
    for (const [key, item] of this.items) {
      if (!present.has(key)) this.#remove(key, item);
    }
    values.forEach((value, place) => {
      const item = this.items.get(this.key(value)) ?? this.#make(value);
      this.fill(item, value);
      const there = this.list.children[place] ?? null;
      if (there !== item) this.list.insertBefore(item, there);
    });
  }

  /** @param {T} value */
  #make(value) {
    const blank = /** @type {HTMLElement} */ (this.template.content.firstElementChild);
    const item = /** @type {HTMLElement} */ (blank.cloneNode(true));
    one("button", HTMLButtonElement, item).addEventListener("click", () => this.remove(value));
    this.items.set(this.key(value), item);
    return item;
  }

  /**
   * @param {string} key
   * @param {HTMLElement} item
   */
  #remove(key, item) {
    const hadFocus = item.contains(document.activeElement);
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    this.items.delete(key);
    if (!hadFocus) return;
    const button = next?.querySelector("button") ?? this.focusAfterLast();
    button.focus();
  }
}
