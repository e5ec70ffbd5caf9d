/** Coin icons; where one cannot be had, a round letter takes its place. */

const ICON_HOSTS = ["https://coin-images.coingecko.com/", "https://assets.coingecko.com/"];

/**
 * The icon's address in the size that a table shows, as `small_icon` of
 * tracker/web/pages/filters.py has it: CoinGecko sends those of the large ones.
 *
 * @param {string} url
 */
export function smallIcon(url) {
  const isTheirs = ICON_HOSTS.some((host) => url.startsWith(host));
  return isTheirs ? url.replace("/large/", "/small/") : url;
}

/**
 * Show a coin's icon. Does nothing while the image stays the same, so an image
 * that failed is not asked for again at each tick.
 *
 * @param {HTMLElement} holder
 * @param {string | null} url
 * @param {string} symbol
 */
export function showIcon(holder, url, symbol) {
  const wanted = smallIcon(url ?? "");
  if (holder.dataset.icon === wanted && holder.hasChildNodes()) return;
  holder.dataset.icon = wanted;
  if (!wanted) {
    showLetter(holder, symbol);
    return;
  }
  const image = document.createElement("img");
  image.width = 28;
  image.height = 28;
  image.alt = "";
  image.loading = "lazy";
  image.decoding = "async";
  image.referrerPolicy = "no-referrer";
  image.src = wanted;
  holder.replaceChildren(image);
  guard(holder, image, symbol);
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
  guard(holder, image, symbol);
  if (image.complete && image.naturalWidth === 0) showLetter(holder, symbol);
}

/**
 * @param {HTMLElement} holder
 * @param {HTMLImageElement} image
 * @param {string} symbol
 */
function guard(holder, image, symbol) {
  const replace = () => {
    if (image.parentNode === holder) showLetter(holder, symbol);
  };
  image.addEventListener("error", replace, { once: true });
}

/**
 * @param {HTMLElement} holder
 * @param {string} symbol
 */
function showLetter(holder, symbol) {
  holder.textContent = symbol.slice(0, 1).toUpperCase();
}
