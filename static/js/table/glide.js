/**
 * Rows that are moved glide from the place where they were: they are put into their
 * new order at once, drawn where they stood, and let go (FLIP).
 */

const DURATION_MS = 250; // shorter than the shortest interval

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * Call *move*, which puts *rows* into another order; those on the screen glide there,
 * unless the reader prefers reduced motion.
 *
 * @param {readonly HTMLElement[]} rows
 * @param {() => void} move
 */
export function glide(rows, move) {
  if (reducedMotion.matches) {
    move();
    return;
  }
  const before = rows.map(place);
  move();
  rows.forEach((row, index) => {
    const after = place(row);
    const way = before[index].top - after.top;
    if (way === 0 || (isOut(before[index]) && isOut(after))) return;
    const frames = [{ transform: `translateY(${way}px)` }, { transform: "none" }];
    row.animate(frames, { duration: DURATION_MS, easing: "ease-out" });
  });
}

/** @param {HTMLElement} row */
function place(row) {
  return row.getBoundingClientRect(); // also of a row that still glides
}

/** @param {DOMRect} place */
function isOut({ top, bottom }) {
  return bottom < 0 || top > innerHeight;
}
