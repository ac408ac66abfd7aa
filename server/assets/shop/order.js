// Task: the status of an order, live: `follow` tells every step of it when it is durable, and the order is read again.

import { fill, h, keyed } from "/screens/elements.js";
import { money, moment } from "/screens/format.js";
import { nameOf, skus } from "/screens/names.js";
import { path } from "/screens/api.js";
import { problemView } from "/screens/problem.js";
import { t } from "/screens/texts.js";
import { callsOf } from "./calls.js";
import { returnable } from "./return.js";

const { follow, get, post } = callsOf(import.meta.url);
const KEPT = "anaquel.shop.orders";
const LOOKS_EVERY_MS = 5000;

const kept = () => JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");

/** Keeps an order's id and secret in this tab: a shop of yours keeps them with the customer. */
export function keepOrder({ order, token = null }) {
  sessionStorage.setItem(KEPT, JSON.stringify([{ order, token }, ...kept().filter((one) => one.order !== order)].slice(0, 20)));
}

/** An order by its secret where it has one, which opens this one order only; else by its id. */
export function read(order) {
  const token = kept().find((one) => one.order === order)?.token;
  return token ? post("/v1/orders/find", { token }) : get(path`/v1/orders/${order}`);
}

/** The orders of this tab, for the head of the shop. */
export const ordersLinks = () => kept().map(({ order }) => h("a", { href: `#/order/${encodeURIComponent(order)}` }, order));

const STEPS = [["s_placed", ["held", "confirmed", "ready", "collected"]], ["s_preparing", ["confirmed", "ready", "collected"]], ["s_ready", ["ready", "collected"]], ["s_collected", ["collected"]]];

/** The way of a pickup, and where it is on it. */
function way(order) {
  const [{ state } = {}] = order.fulfilments;
  if (order.state === "cancelled" || order.state === "expired") return h("p", { class: "notice warn" }, h("strong", {}, t(`s_${order.state}`)));
  const reached = STEPS.filter(([, states]) => states.includes(state));
  return h("ol", { class: "way" }, STEPS.map(([name], at) => h("li", { class: at < reached.length ? "reached" : undefined, "aria-current": at === reached.length - 1 ? "step" : undefined }, t(name))));
}

function pickup({ location, pickup_code, state, pickup_by }, { due, currency }) {
  if (state === "collected") return null;
  return h("section", { class: "panel stack" }, h("h2", {}, nameOf("location", location)),
    pickup_code ? [h("p", {}, t("s_code")), h("p", { class: "code-large" }, h("code", {}, pickup_code))] : h("p", {}, t("s_code_comes")),
    pickup_by && h("p", { class: "small" }, moment(pickup_by)),
    due > 0 && h("p", {}, t("s_due", { a: () => money(due, currency) })));
}

/** Shows an order in a view; resolves to what ends it. */
export async function order(view, id) {
  const heading = h("h1", { tabindex: -1 }, t("s_order", { o: id }));
  const told = h("div");
  const state = h("div", { role: "status" });
  const store = h("div");
  const lines = h("ul", { class: "list" });
  const sums = h("p");
  fill(view, heading, told, state, store, lines, sums);
  let last = 0;
  const show = async () => {
    const found = await read(id);
    if (found.seq < last) return;
    last = found.seq;
    await skus(found.lines.map(({ sku }) => sku)).catch(() => {});
    fill(state, way(found));
    fill(store, found.fulfilments.map((one) => pickup(one, found)));
    keyed(lines, found.lines, ({ line }) => line, (line) => h("li", { class: "line order-line", "data-line": line.line }), (row, line) => {
      if (row.told === JSON.stringify(line)) return;
      row.told = JSON.stringify(line);
      fill(row, h("span", { class: "name" }, nameOf("sku", line.sku)),
        h("span", {}, t("s_unit", { n: line.quantity, a: () => money(line.unit_amount, found.currency) })),
        h("span", { class: "number" }, money(line.amount, found.currency)), returnable(found, line, { changed: refresh }));
    });
    fill(sums, t("s_paid", { a: () => money(found.paid, found.currency) }));
  };
  const refresh = () => show().then(() => fill(told), (error) => fill(told, problemView(error, { retry: refresh })));
  await refresh();
  let timer = null;
  const followed = follow({ kinds: ["order", "return"], locations: [] }, {
    onbegin: refresh,
    onreset: refresh,
    onevent: (record) => { if (record.order === id) refresh(); },
    // A key that may not follow orders looks again from time to time.
    onrefused: () => { timer ??= setInterval(refresh, LOOKS_EVERY_MS); },
  });
  return () => {
    followed.close();
    clearInterval(timer);
  };
}

