// Task: the list of products. Whatever is on the page, its stock is one request and its prices are one more.

import { empty, fill, h, waiting } from "/screens/elements.js";
import { money } from "/screens/format.js";
import { problemView } from "/screens/problem.js";
import { t } from "/screens/texts.js";
import { callsOf } from "./calls.js";
import { PAGE, cards, hasMore, page, read, tile } from "./catalogue.js";
import { market } from "./market.js";

const { post } = callsOf(import.meta.url);
const FEW = 5;

/** Stock and prices of some SKUs, by SKU. */
async function facts(skus) {
  const { group, channel, currency } = market;
  const [stock, prices] = await Promise.all([
    post("/v1/availability/query", { skus, groups: [group], channel }),
    post("/v1/prices/query", { lines: skus.map((sku) => ({ sku })), channel, currency }),
  ]);
  const facts = new Map(skus.map((sku) => [sku, { available: 0, band: null, price: null }]));
  for (const item of stock.items) Object.assign(facts.get(item.sku), { available: item.available ?? null, band: item.band ?? null });
  for (const price of prices.items) facts.get(price.sku).price = price;
  return facts;
}

/** "Few left" and "None", from a number or from the band of a channel that gets no numbers. */
export function stockWord({ available, band }) {
  if (band === "out_of_stock" || available === 0) return h("span", { class: "stock none" }, t("none_left"));
  if (band === "few_left" || band === "low_stock" || (available !== null && available <= FEW)) return h("span", { class: "stock few" }, t("few_left"));
  return h("span", { class: "stock" }, t("in_stock"));
}

/** A price, with the one before a reduction. */
export function priceView(price) {
  if (!price) return h("span", { class: "muted" }, t("s_no_price"));
  const { amount, regular_amount, currency } = price;
  const was = regular_amount > amount && h("s", { class: "muted" }, h("span", { class: "visually-hidden" }, t("s_was", { a: "" })), money(regular_amount, currency));
  return h("span", { class: "price" }, h("strong", {}, money(amount, currency)), was);
}

function cardView({ name, colour, records }, facts) {
  const told = records.map(({ sku }) => ({ sku, ...facts.get(sku) }));
  const best = told.filter(({ available, band }) => (available ?? (band === "out_of_stock" ? 0 : 1)) > 0);
  const cheapest = [...told].filter(({ price }) => price).sort((one, other) => one.price.amount - other.price.amount)[0];
  const sum = best.some(({ available }) => available === null) ? null : best.reduce((sum, { available }) => sum + available, 0);
  return h("li", {}, h("a", { class: "card", href: `#/product/${encodeURIComponent((best[0] ?? told[0]).sku)}` },
    tile(colour), h("span", { class: "name" }, name), priceView(cheapest?.price), stockWord({ available: sum, band: best[0]?.band ?? null })));
}

/** Shows the list in a view. */
export async function list(view) {
  const place = h("ul", { class: "cards" });
  const more = h("button", { on: { click: () => grow() } }, t("s_more"));
  const told = h("div");
  fill(view, h("h1", { tabindex: -1 }, t("s_list")), told, place, more);
  if (!market.group) return fill(told, empty(t("s_no_group")));
  const arrived = waiting(told, 6);
  let shown = 0;
  let held = [];
  /** Shows some more records; the last product may go on in the next page, and waits for it. */
  const show = async (records) => {
    const found = cards([...held, ...records]);
    const last = hasMore() || shown < read().length ? found.pop() : null;
    held = last?.records ?? [];
    const facts_of = await facts(found.flatMap(({ records }) => records.map(({ sku }) => sku)));
    place.append(...found.map((card) => cardView(card, facts_of)));
  };
  const grow = async () => {
    more.setAttribute("aria-busy", "true");
    try {
      const records = shown < read().length ? read().slice(shown, shown + PAGE) : await page();
      shown += records.length;
      if (records.length > 0 || held.length > 0) await show(records);
      arrived();
      fill(told, place.childElementCount === 0 && empty(t("s_nothing")));
      more.hidden = !hasMore() && shown >= read().length;
    } catch (error) {
      arrived();
      fill(told, problemView(error, { retry: () => { fill(told); grow(); } }));
    } finally {
      more.removeAttribute("aria-busy");
    }
  };
  more.hidden = true;
  return grow();
}
