/** The page of all coins. */

import { one, setText, show } from "./dom.js";
import { LivePage } from "./live.js";
import { CoinTable } from "./table/table.js";

const table = new CoinTable(
  one("[data-rows]"),
  one("[data-row-template]", HTMLTemplateElement),
);

new LivePage(one("[data-live]"), {
  paint(tick, currency) {
    table.show(tick.quotes, currency);
    show("[data-table]", tick.quotes.length > 0);
    show("[data-empty]", tick.quotes.length === 0);
    setText(one("[data-code]"), tick.currency.toUpperCase());
  },
}).start();
