// Find: an item here, in stores nearby, and online; from what this device keeps while there is no connection.

import { empty, fill, h, icon, notice, waiting } from "../screens/elements.js";
import { get } from "../screens/api.js";
import { duration, money, number, quantity } from "../screens/format.js";
import { stream } from "../screens/live.js";
import { problemView } from "../screens/problem.js";
import { session } from "../screens/session.js";
import { t } from "../screens/texts.js";
import { age, search } from "./catalogue.js";
import { history } from "./history.js";
import { elsewhere } from "./orders.js";
import { lookup } from "./lookup.js";

/** Below so many units a shelf is nearly empty. */
const FEW = 3;
const SEARCH_MS = 120;

export function findView(frame) {
  const { place } = frame;
  const input = h("input", { type: "search", autocomplete: "off", "aria-label": t("s_by_name"), placeholder: t("s_by_name") });
  const results = h("ul", { class: "list" });
  const side = h("section", { class: "pane side" });
  const element = h("div", { class: "panes" }, h("section", { class: "pane stack", "aria-label": t("find") }, input, results), side);
  let watched = null;
  let timer = null;

  const look = async () => {
    const text = input.value.trim();
    if (!text) return fill(results, h("li", {}, empty(t("s_find_empty"))));
    const found = await search(text);
    if (input.value.trim() !== text) return undefined;
    if (found.length === 0) return fill(results, h("li", {}, empty(t("s_nothing"))));
    return fill(results, found.map((item) => h("li", { class: "tap" }, h("button", { class: "plain whole", on: { click: () => byId(item.sku) } },
      h("span", { class: "grow" }, h("div", {}, item.name ?? item.sku), h("div", { class: "small muted" }, item.sku)), item.amount !== null && h("span", { class: "number" }, money(item.amount, place.currency))))));
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, SEARCH_MS);
  });

  const byId = (sku) => frame.during(lookup({ kind: "id", code: sku, text: sku }, place)).then((found) => (found?.kind === "sku" ? open(found) : frame.unknown(sku)), (error) => frame.failed(error));

  const close = () => {
    if (!side.firstChild) return false;
    watched?.close();
    watched = null;
    side.replaceChildren();
    element.dataset.open = "false";
    return true;
  };

  const open = (found) => {
    close();
    const { record } = found;
    const here = h("div", { class: "stack-tight" });
    const near = h("div");
    const online = h("div");
    const price = record.price && h("p", { class: "sum" }, h("strong", {}, money(record.price.amount, place.currency)),
      record.price.regular_amount > record.price.amount && [" ", h("s", { class: "muted" }, money(record.price.regular_amount, place.currency))]);
    const sell = h("button", { class: "primary", disabled: !record.price, on: { click: () => frame.open("sell").scan({ kind: "code", quantity: 1, read: { kind: "id", code: record.sku, text: record.sku } }).catch((error) => frame.failed(error)) } }, icon("sell"), t("sell"));
    const box = h("div", { class: "stack" },
      h("button", { class: "plain back", on: { click: close } }, icon("back"), t("back")),
      h("h2", { tabindex: "-1" }, record.name ?? record.sku), h("p", { class: "small muted" }, record.sku), price,
      h("section", { class: "panel stack", "aria-label": t("here") }, h("h3", {}, t("here")), here),
      h("section", { class: "panel stack", "aria-label": t("nearby") }, h("h3", {}, t("nearby")), near),
      h("section", { class: "panel stack", "aria-label": t("online") }, h("h3", {}, t("online")), online),
      sell, history(frame, record.sku));
    fill(side, box);
    element.dataset.open = "true";
    box.querySelector("h2").focus();
    if (found.is_kept) {
      age().then((seconds) => fill(here, notice("warn", t("s_aged", { d: () => duration(seconds ?? 0) }))));
      for (const area of [near, online]) fill(area, h("p", { class: "muted" }, t("s_needs_line")));
      return;
    }
    cell(here, record.cell);
    const shown = (area, work) => {
      const arrived = waiting(area, 2);
      work.then((...told) => { arrived(); fill(area, ...told); }, (error) => { arrived(); fill(area, problemView(error)); });
    };
    shown(near, elsewhere([{ sku: record.sku, quantity: 1 }], place).then((stores) => (stores.length === 0 ? h("p", { class: "muted" }, t("s_nowhere"))
      : h("ul", { class: "list" }, stores.map((one) => h("li", {}, h("span", { class: "grow" }, one.name ?? one.location), h("span", { class: "number" }, quantity(one.lines[0].available)), h("span", { class: "small muted number" }, t("s_km", { n: () => number(one.distance_km, { maximumFractionDigits: one.distance_km < 10 ? 1 : 0 }) }))))))));
    shown(online, onlineOf(record.sku, place));
    watched = stream.subscribe({ skus: [record.sku], locations: [place.location], channel: place.channel }, { onchange: ({ items }) => { if (items[0]) cell(here, items[0]); }, onrefused: () => {} });
  };

  const cell = (area, item) => {
    const available = item?.available ?? 0;
    const kept = (item?.safety_stock ?? 0) + (item?.buffer ?? 0);
    fill(area, h("p", { class: "big live-number" }, quantity(available), " ", h("span", { class: "small" }, available <= 0 ? t("none_left") : available <= FEW ? t("few_left") : t("available"))),
      item && h("p", { class: "small muted" }, `${quantity(item.on_hand)} `, t("n_here"), ` − ${quantity(item.reserved)} `, t("n_promised"), ` − ${quantity(kept)} `, t("n_kept_back")));
  };

  look();
  return {
    element,
    scanning: () => t("s_scan_find"),
    async scan(typed) {
      const found = await lookup(typed.read, place);
      if (!found) return frame.unknown(typed.read.code);
      if (found.kind === "location") return frame.elsewhere(found);
      if (found.kind === "sku") {
        open(found);
        return frame.right(found.record.name ?? found.record.sku);
      }
      if (found.kind === "receipt" || found.kind === "return") return frame.open("more", { job: "return", found });
      if (found.kind === "transfer") return frame.open("more", { job: "receive", found });
      return frame.open("pick", { found, code: typed.read.code });
    },
    show(what) {
      if (what?.text !== undefined) {
        input.value = what.text;
        look();
        input.focus();
      }
      if (what?.sku) byId(what.sku);
    },
    back: close,
    hide: () => {},
    end: () => watched?.close(),
  };
}

/** What a web shop may promise, by the groups of this store. */
async function onlineOf(sku, place) {
  if (place.groups.length === 0 || !session.may("read")) return h("p", { class: "muted" }, "–");
  const channels = session.who.channels.length > 0 ? place.channel : "web";
  const told = await get("/v1/availability", { sku, group: place.groups, channel: channels }).catch(() => get("/v1/availability", { sku, group: place.groups, channel: place.channel }));
  return h("ul", { class: "list" }, told.items.map((item) => h("li", {}, h("span", { class: "grow" }, item.group), h("span", { class: "number" }, item.available > 0 ? quantity(item.available) : t("none_left")))));
}
