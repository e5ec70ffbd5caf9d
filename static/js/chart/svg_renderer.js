/**
 * Draws the chart: a frame becomes SVG. Elements are created once and moved.
 * It knows positions, not prices or times.
 */

import { setAttribute, setText } from "../lib/dom.js";
import { areaPath, gapPath, linePath } from "./path.js";

/**
 * @typedef {import("./axis.js").Frame} Frame
 * @typedef {import("./path.js").Spot} Spot
 */

const LETTER_PX = 7; // a label's letter, about

export class SvgRenderer {
  /** @param {SVGSVGElement} svg */
  constructor(svg) {
    this.svg = svg;
    this.#addShade();
    this.lines = this.#add("g", "chart-grid");
    this.prices = this.#add("g", "chart-prices");
    this.times = this.#add("g", "chart-times");
    this.area = this.#add("path", "chart-area");
    this.area.setAttribute("fill", "url(#chart-shade)");
    this.gaps = this.#add("path", "chart-gaps");
    this.line = this.#add("path", "chart-line");
    this.marks = this.#add("g", "chart-marks");
    this.end = this.#add("circle", "chart-end");
    this.cross = this.#add("line", "chart-cross");
    this.dot = this.#add("circle", "chart-dot");
    this.setCrosshair(null);
  }

  /** @param {{width: number, height: number}} size px */
  resize({ width, height }) {
    place(this.svg, { viewBox: `0 0 ${width} ${height}` });
  }

  /**
   * @param {Frame} frame
   * @param {{low: string, high: string}} words the labels of the extremes
   */
  show(frame, words) {
    const { pieces, floor, prices, times } = frame;
    this.#showGrid(frame);
    showLabels(this.prices, prices);
    showLabels(this.times, times);
    place(this.area, { d: areaPath(pieces, floor) });
    place(this.gaps, { d: gapPath(pieces) });
    place(this.line, { d: linePath(pieces) });
    this.#showExtremes(frame, words);
    const last = pieces[pieces.length - 1];
    const [x, y] = last[last.length - 1];
    place(this.end, { cx: x, cy: y, r: 3.5 });
    place(this.cross, { y1: 4, y2: floor });
  }

  /** Draw nothing. */
  clear() {
    for (const group of [this.lines, this.prices, this.times, this.marks]) children(group, 0, "g");
    for (const path of [this.area, this.gaps, this.line]) path.removeAttribute("d");
    this.end.removeAttribute("r");
    this.setCrosshair(null);
  }

  /** @param {Spot | null} spot null hides it */
  setCrosshair(spot) {
    this.cross.toggleAttribute("hidden", !spot);
    this.dot.toggleAttribute("hidden", !spot);
    if (!spot) return;
    const [x, y] = spot;
    place(this.cross, { x1: x, x2: x });
    place(this.dot, { cx: x, cy: y, r: 4.5 });
  }

  /** @param {Frame} frame */
  #showGrid({ prices, floor, right }) {
    const lines = children(this.lines, prices.length + 1, "line");
    prices.forEach(({ y }, index) => place(lines[index], { x1: 0, x2: right, y1: y, y2: y }));
    place(lines[prices.length], { x1: 0, x2: right, y1: floor, y2: floor });
  }

  /**
   * @param {Frame} frame
   * @param {{low: string, high: string}} words
   */
  #showExtremes({ extremes, spot, left, right }, words) {
    const [high, low] = children(this.marks, extremes ? 2 : 0, "g");
    if (!extremes) return;
    mark(high, spot(extremes.high), words.high, -9, left, right);
    mark(low, spot(extremes.low), words.low, 18, left, right);
  }

  /**
   * @param {string} name
   * @param {string} className
   */
  #add(name, className) {
    const element = make(name);
    element.setAttribute("class", className);
    return this.svg.appendChild(element);
  }

  /** The shade under the line: full at the top, transparent at the bottom. */
  #addShade() {
    const shade = this.#add("linearGradient", "chart-shade");
    place(shade, { id: "chart-shade", x2: 0, y2: 1 });
    for (const offset of [0, 1]) place(shade.appendChild(make("stop")), { offset });
  }
}

/**
 * @param {Element} group
 * @param {Spot} spot
 * @param {string} words
 * @param {number} below px from the spot to the words
 * @param {number} left
 * @param {number} right
 */
function mark(group, [x, y], words, below, left, right) {
  if (!group.firstChild) group.append(make("circle"), make("text"));
  const [dot, text] = group.children;
  const half = (words.length * LETTER_PX) / 2;
  place(dot, { cx: x, cy: y, r: 2.5 });
  place(text, { x: Math.max(left + half, Math.min(right - half, x)), y: y + below });
  setText(text, words);
}

/**
 * @param {Element} group
 * @param {import("./axis.js").Label[]} labels
 */
function showLabels(group, labels) {
  const texts = children(group, labels.length, "text");
  labels.forEach(({ label, x, y }, index) => {
    place(texts[index], { x, y });
    setText(texts[index], label);
  });
}

/**
 * Give a group exactly *count* children.
 *
 * @param {Element} group
 * @param {number} count
 * @param {string} name
 */
function children(group, count, name) {
  while (group.childElementCount > count) group.lastElementChild?.remove();
  while (group.childElementCount < count) group.appendChild(make(name));
  return [...group.children];
}

/**
 * @param {Element} element
 * @param {Record<string, string | number>} attributes
 */
function place(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    const text = typeof value === "number" ? String(Math.round(value * 10) / 10) : value;
    setAttribute(element, name, text);
  }
}

/** @param {string} name */
function make(name) {
  return document.createElementNS("http://www.w3.org/2000/svg", name);
}
