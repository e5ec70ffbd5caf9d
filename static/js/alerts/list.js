/**
 * A list whose items are made from a `<template>` and kept by their key, so that
 * the focus stays where it is while others come and go. Each item has one button,
 * which takes it off.
 */

import { one } from "../lib/dom.js";

/**
 * @template T
 */
export class KeyedList {
  /**
   * @param {HTMLElement} list
   * @param {HTMLTemplateElement} template one item
   * @param {object} ways
   * @param {(it: T) => string} ways.key
   * @param {(element: HTMLElement, it: T) => void} ways.fill
   * @param {(it: T) => void} ways.remove
   * @param {() => HTMLElement} ways.after where the focus goes when the last item is removed
   */
  constructor(list, template, { key, fill, remove, after }) {
    this.list = list;
    this.template = template;
    this.key = key;
    this.fill = fill;
    this.remove = remove;
    this.after = after;
    /** @type {Map<string, HTMLElement>} */
    this.items = new Map();
  }

  /** @param {T[]} all in order */
  show(all) {
    const present = new Set(all.map(this.key));
    for (const [key, item] of this.items) {
      if (!present.has(key)) this.#drop(key, item);
    }
    all.forEach((it, place) => {
      const item = this.items.get(this.key(it)) ?? this.#make(it);
      this.fill(item, it);
      const there = this.list.children[place] ?? null;
      if (there !== item) this.list.insertBefore(item, there);
    });
  }

  /** @param {T} it */
  #make(it) {
    const blank = /** @type {HTMLElement} */ (this.template.content.firstElementChild);
    const item = /** @type {HTMLElement} */ (blank.cloneNode(true));
    one("button", HTMLButtonElement, item).addEventListener("click", () => this.remove(it));
    this.items.set(this.key(it), item);
    return item;
  }

  /**
   * @param {string} key
   * @param {HTMLElement} item
   */
  #drop(key, item) {
    const hadFocus = item.contains(document.activeElement);
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    this.items.delete(key);
    if (!hadFocus) return;
    const button = next?.querySelector("button") ?? this.after();
    button.focus();
  }
}
