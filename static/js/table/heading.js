/**
 * What a table of so many coins is; `tracker/market/coins.py` says the same in the first paint.
 *
 * @param {number} top how many coins are followed by market cap; 0 where all are named
 * @param {number} shown
 */
export function heading(top, shown) {
  if (!top) return shown === 1 ? "Your coin" : `Your ${shown} coins`;
  if (shown > top) return `Top ${top} and ${shown - top} more`;
  return `Top ${shown} by market cap`;
}
