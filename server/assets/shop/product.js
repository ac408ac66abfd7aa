// Task: one product. What each channel may promise changes live; the nearest stores that have it come from `pickup`.

import { fill, h, icon, set } from "/screens/elements.js";
import { quantity } from "/screens/format.js";
import { problemView } from "/screens/problem.js";
import { t } from "/screens/texts.js";
import { callsOf } from "./calls.js";
import { addButton } from "./cart.js";
import { bySize, plainName, record, tile, variants } from "./catalogue.js";
import { priceView } from "./list.js";
import { market } from "./market.js";
import { storesNear } from "./stores.js";
import { money } from "/screens/format.js";

const { post, subscribe } = callsOf(import.meta.url);

/** Shows a SKU in a view; resolves to what ends it. */
export async function product(view, sku) {
  let of;
  try {
    of = await record(sku);
  } catch (error) {
    fill(view, h("h1", { tabindex: -1 }, sku), problemView(error));
    return undefined;
  }
  const price = h("div", { class: "stack-tight" });
  const channels = h("div", {});
  const stores = h("div", {});
  const choices = h("div", { class: "stack" });
  fill(view,
    h("div", { class: "product" }, tile(of.attributes?.colour),
      h("div", { class: "stack" }, h("h1", { tabindex: -1 }, plainName(of)), h("p", { class: "muted small" }, h("code", {}, of.sku)), price, choices,
        h("div", { class: "buy" }, addButton(of)))),
    h("section", { class: "panel stack" }, h("h2", {}, t("s_by_channel")), channels),
    h("section", { class: "panel stack" }, h("h2", {}, t("s_stores")), stores));
  const watched = byChannel(channels, of);
  const failed = (place) => (error) => fill(place, problemView(error));
  storesNear(stores, [{ sku, quantity: 1 }]).catch(failed(stores));
  priced(price, sku).catch(failed(price));
  others(choices, of).catch(failed(choices));
  return () => watched.forEach((one) => one.close());
}

async function priced(place, sku) {
  const { items } = await post("/v1/prices/query", { lines: [{ sku }], channel: market.channel, currency: market.currency });
  const [price] = items;
  // Where a price is reduced, the lowest one of the 30 days before it belongs beside it.
  const prior = price?.prior_amount && price.prior_amount !== price.amount && t("s_prior", { a: () => money(price.prior_amount, price.currency) });
  fill(place, priceView(price), prior && h("p", { class: "small muted" }, prior));
}

/** The sizes and colours of the same product, as links. */
async function others(place, of) {
  const all = await variants(of);
  const colours = [...new Map(all.map((one) => [one.attributes?.colour, one])).values()];
  const sizes = bySize(all.filter(({ attributes }) => attributes?.colour === of.attributes?.colour));
  const link = (one, label, is_here) => h("a", { class: "button", href: `#/product/${encodeURIComponent(one.sku)}`, "aria-current": is_here ? "true" : undefined }, label);
  fill(place,
    sizes.length > 1 && h("nav", { "aria-label": t("s_size"), class: "row" }, h("span", { class: "label" }, t("s_size")),
      sizes.map((one) => link(one, one.attributes?.size ?? one.sku, one.sku === of.sku))),
    colours.length > 1 && h("nav", { "aria-label": t("s_colours"), class: "row" }, h("span", { class: "label" }, t("s_colours")),
      colours.map((one) => link(one, one.attributes?.colour ?? one.sku, one.attributes?.colour === of.attributes?.colour))));
}

/** A row a channel, each by a subscription of its own: the sum of what may be promised in the group's places. */
function byChannel(place, of) {
  const { group, channel: own } = market;
  const channels = market.channels.length > 0 ? market.channels : [own];
  const rows = channels.map((channel) => {
    const number = h("td", { class: "number" }, "–");
    const watched = subscribe({ skus: [of.sku], groups: [group], channel }, {
      onchange: () => {
        const cells = [...watched.cells.values()];
        const has_numbers = cells.every(({ available }) => available !== undefined);
        const sum = cells.reduce((sum, { available = 0 }) => sum + available, 0);
        const band = cells.some(({ band }) => band && band !== "out_of_stock") ? "in_stock" : "none_left";
        set(number, has_numbers ? quantity(sum, of) : t(band), { shows: number.textContent !== "–" });
      },
      onrefused: () => set(number, "–"),
    });
    return { watched, row: h("tr", { "data-channel": channel }, h("th", { scope: "row" }, channel, channel === own && [" ", icon("done")]), number) };
  });
  const heads = h("tr", {}, h("th", { scope: "col" }, t("channel")), h("th", { scope: "col", class: "number" }, t("available")));
  fill(place, h("p", { class: "small muted" }, t("s_live_here")), h("table", {}, h("thead", {}, heads), h("tbody", {}, rows.map(({ row }) => row))));
  return rows.map(({ watched }) => watched);
}
