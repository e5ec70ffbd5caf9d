/** How a page comes by its events: the best way this browser knows. */

import { PriceStream } from "./source.js";

/**
 * @typedef {object} Connection
 * @property {() => void} open connect, anew if there is a connection already
 * @property {() => void} close hang up and stay so until `open`
 */

/**
 * @param {string} url
 * @param {import("./source.js").Listener} listener
 * @returns {Connection}
 */
export function connection(url, listener) {
  return new PriceStream(url, listener);
}
