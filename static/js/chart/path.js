/** Lines as SVG path data. Pure: pixels in, text out. */

/** @typedef {[x: number, y: number]} Spot px */

/**
 * One line per piece; a piece of one spot is a dot, if the line's ends are round.
 *
 * @param {Spot[][]} pieces
 */
export function linePath(pieces) {
  return pieces.map((piece) => (piece.length > 1 ? along(piece) : dot(piece[0]))).join("");
}

/**
 * The areas between the lines and *bottom*.
 *
 * @param {Spot[][]} pieces
 * @param {number} bottom
 */
export function areaPath(pieces, bottom) {
  return pieces
    .filter((piece) => piece.length > 1)
    .map((piece) => {
      const end = round(piece[piece.length - 1][0]);
      return `${along(piece)}L${end} ${round(bottom)}L${round(piece[0][0])} ${round(bottom)}Z`;
    })
    .join("");
}

/**
 * Bridges over the gaps between the pieces.
 *
 * @param {Spot[][]} pieces
 */
export function gapPath(pieces) {
  return pieces
    .slice(1)
    .map((piece, index) => along([pieces[index][pieces[index].length - 1], piece[0]]))
    .join("");
}

/** @param {Spot[]} piece */
function along(piece) {
  return piece.map(([x, y], index) => `${index ? "L" : "M"}${round(x)} ${round(y)}`).join("");
}

/** @param {Spot} spot */
function dot([x, y]) {
  return `M${round(x)} ${round(y)}h0`;
}

/** @param {number} pixels */
function round(pixels) {
  return Math.round(pixels * 10) / 10;
}
