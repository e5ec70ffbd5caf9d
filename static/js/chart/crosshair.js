/**
 * How a reader asks the chart for one point: by mouse, finger or keys. What a
 * point is and where, the chart knows.
 *
 * A finger that goes up or down scrolls the page (`touch-action: pan-y`); one
 * that goes sideways is ours.
 */

/**
 * @typedef {object} Reader
 * @property {(x: number) => void} toPixel px from the plot's left edge
 * @property {(step: number) => void} by so many points; infinite to the ends
 * @property {() => void} away no point any more
 *
 */

const PAGE = 10; // parts of the whole that PageUp and PageDown go

/** @type {Record<string, (count: number) => number>} */
const KEYS = {
  ArrowLeft: () => -1,
  ArrowRight: () => 1,
  Home: () => -Infinity,
  End: () => Infinity,
  PageUp: (count) => Math.max(1, Math.round(count / PAGE)),
  PageDown: (count) => -Math.max(1, Math.round(count / PAGE)),
};

/**
 * @param {HTMLElement} plot
 * @param {Reader} reader
 * @param {() => number} count how many points there are
 */
export function follow(plot, reader, count) {
  const toPixel = (/** @type {PointerEvent} */ event) =>
    reader.toPixel(event.clientX - plot.getBoundingClientRect().left);
  plot.addEventListener("pointerdown", toPixel);
  plot.addEventListener("pointermove", toPixel);
  plot.addEventListener("pointercancel", reader.away);
  // A finger that was lifted leaves its point to be read.
  plot.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && reader.away());
  document.addEventListener("pointerdown", ({ target }) => {
    if (!(target instanceof Node && plot.contains(target))) reader.away();
  });
  plot.addEventListener("blur", reader.away);
  plot.addEventListener("keydown", (event) => onKey(event, reader, count()));
}

/**
 * @param {KeyboardEvent} event
 * @param {Reader} reader
 * @param {number} count
 */
function onKey(event, reader, count) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (event.key === "Escape") reader.away();
  const step = KEYS[event.key]?.(count);
  if (!step) return;
  event.preventDefault();
  reader.by(step);
}
