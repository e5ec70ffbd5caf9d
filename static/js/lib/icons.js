/** Coin icons; one that cannot be loaded is replaced by a round letter. */

import { one } from "./dom.js";

/**
 * The icon's address in the size that a table shows, as `small_icon` of
 * tracker/web/pages/filters.py has it: CoinGecko sends those of the large ones.
 *
 * @param {string} url
 * @param {string[]} hosts that have small icons
 */
export function smallIcon(url, hosts) {
  const hasSmall = hosts.some((host) => url.startsWith(host));
  return hasSmall ? url.replace("/large/", "/small/") : url;
}

/**
 * Show a coin's icon. Does nothing while the address stays the same, so an image
 * that failed is not loaded again with each tick.
 *
 * @param {HTMLElement} holder
 * @param {string | null} url
 * @param {string} symbol
 */
export function showIcon(holder, url, symbol) {
  const hosts = one("[data-live]").dataset.iconHosts?.split(" ") ?? [];
  const wanted = smallIcon(url ?? "", hosts);
  if (holder.dataset.icon === wanted && holder.hasChildNodes()) return;
  holder.dataset.icon = wanted;
  if (!wanted) {
    showLetter(holder, symbol);
    return;
  }
  const image = new Image(28, 28);
  image.alt = "";
  image.loading = "lazy";
  image.decoding = "async";
  image.referrerPolicy = "no-referrer";
  image.src = wanted;
  holder.replaceChildren(image);
  replaceOnError(holder, image, symbol);
}

/**
 * Take over an icon that the server wrote; it may have failed already.
 *
 * @param {HTMLElement} holder
 * @param {string} symbol
 */
export function adoptIcon(holder, symbol) {
  const image = holder.querySelector("img");
  holder.dataset.icon = image?.getAttribute("src") ?? "";
  if (!image) return;
  replaceOnError(holder, image, symbol);
  if (image.complete && image.naturalWidth === 0) showLetter(holder, symbol);
}

/**
 * @param {HTMLElement} holder
 * @param {HTMLImageElement} image
 * @param {string} symbol
 */
function replaceOnError(holder, image, symbol) {
  const replace = () => image.parentNode === holder && showLetter(holder, symbol);
  image.addEventListener("error", replace, { once: true });
}

/**
 * @param {HTMLElement} holder
 * @param {string} symbol
 */
function showLetter(holder, symbol) {
  holder.textContent = symbol.slice(0, 1).toUpperCase();
}
