/**
 * Selecting a point of the chart by mouse, finger or keys.
 *
 * A finger that moves up or down scrolls the page (`touch-action: pan-y`); one
 * that moves sideways selects.
 */

/**
 * @typedef {object} Selection
 * @property {(x: number) => void} selectAt px from the plot's left edge
 * @property {(step: number) => void} move by so many points; infinite to the ends
 * @property {() => void} clear
 * @property {() => number} count how many points there are
 */

const PAGES = 10; // of PageUp or PageDown from end to end

/** @type {Record<string, (count: number) => number>} */
const STEPS = {
  ArrowLeft: () => -1,
  ArrowRight: () => 1,
  Home: () => -Infinity,
  End: () => Infinity,
  PageUp: (count) => Math.max(1, Math.round(count / PAGES)),
  PageDown: (count) => -Math.max(1, Math.round(count / PAGES)),
};

/**
 * @param {HTMLElement} plot
 * @param {Selection} selection
 */
export function selectBy(plot, selection) {
  const select = (/** @type {PointerEvent} */ event) =>
    selection.selectAt(event.clientX - plot.getBoundingClientRect().left);
  plot.addEventListener("pointerdown", select);
  plot.addEventListener("pointermove", select);
  plot.addEventListener("pointercancel", selection.clear);
  // After a finger is lifted, the point stays to be read.
  plot.addEventListener("pointerleave", ({ pointerType }) => {
    if (pointerType === "mouse") selection.clear();
  });
  document.addEventListener("pointerdown", ({ target }) => {
    if (!(target instanceof Node && plot.contains(target))) selection.clear();
  });
  plot.addEventListener("blur", selection.clear);
  plot.addEventListener("keydown", (event) => onKey(event, selection));
}

/**
 * @param {KeyboardEvent} event
 * @param {Selection} selection
 */
function onKey(event, selection) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (event.key === "Escape") selection.clear();
  const step = STEPS[event.key]?.(selection.count());
  if (!step) return;
  event.preventDefault();
  selection.move(step);
}
