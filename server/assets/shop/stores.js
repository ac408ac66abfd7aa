// Task: the nearest stores where some lines can be collected, and when.

import { empty, fill, h, waiting } from "/screens/elements.js";
import { moment, number } from "/screens/format.js";
import { problemView } from "/screens/problem.js";
import { t } from "/screens/texts.js";
import { callsOf } from "./calls.js";
import { market } from "./market.js";

const { get } = callsOf(import.meta.url);
const KEPT = "anaquel.shop.near";
const STORES = 5;

/** The place that "near" means: the one chosen before, else the first. A shop of yours may ask the browser. */
const placed = () => market.places.filter(({ latitude }) => typeof latitude === "number");
const near = () => placed().find(({ location }) => location === sessionStorage.getItem(KEPT)) ?? placed()[0];

/**
 * Shows the stores for lines `[{sku, quantity}]`. With `choose`, each that has all of it is a button; without, the list
 * only tells.
 */
export async function storesNear(place, lines, choose) {
  if (!near()) return fill(place, empty(t("s_nowhere")));
  const list = h("ul", { class: "list stores" });
  const told = h("div");
  const places = h("select", { on: { change: () => { sessionStorage.setItem(KEPT, places.value); look(); } } },
    placed().map(({ location, name }) => h("option", { value: location }, name ?? location)));
  places.value = near().location;
  fill(place, h("div", { class: "stack" }, h("label", {}, t("s_near"), places), told, list));
  async function look() {
    const arrived = waiting(told, 3);
    try {
      const { latitude, longitude } = near();
      const { items } = await get("/v1/pickup", {
        sku: lines.map(({ sku }) => sku), quantity: lines.map(({ quantity }) => quantity),
        near: `${latitude},${longitude}`, channel: market.channel, limit: STORES,
      });
      arrived();
      fill(told, items.length === 0 && empty(t("s_no_store")));
      fill(list, items.map((store) => storeRow(store, lines.length, choose)));
      list.hidden = items.length === 0;
    } catch (error) {
      arrived();
      fill(told, problemView(error, { retry: look }));
    }
  }
  return look();
}

function storeRow({ location, name, distance_km, complete, ready_at, lines }, wanted, choose) {
  const there = lines.filter(({ missing }) => missing === 0).length;
  const words = [
    h("strong", {}, name ?? location),
    h("span", { class: "small muted" }, t("s_km", { n: () => number(distance_km, { maximumFractionDigits: distance_km < 10 ? 1 : 0 }) })),
    complete
      ? ready_at && h("span", { class: "small" }, t("s_ready_at", { t: () => moment(ready_at) }))
      : h("span", { class: "small muted" }, t("s_missing", { n: there, m: wanted })),
  ];
  if (!choose || !complete) return h("li", { class: "store" }, words);
  return h("li", {}, h("button", { class: "plain store", "data-location": location, on: { click: (event) => choose(location, event.currentTarget) } }, words));
}
