// Sell: scan, Pay, cash or card, and the receipt stands where the lines stood. The next scan begins the next sale.

import { ask, empty, fill, h, icon, keyed, notice, set } from "../screens/elements.js";
import { money, quantity } from "../screens/format.js";
import { post } from "../screens/api.js";
import { session } from "../screens/session.js";
import { problemView } from "../screens/problem.js";
import { t } from "../screens/texts.js";
import { LATE_MS, says } from "../screens/write.js";
import { add, repriced, saleBody, setQuantity, total } from "./basket.js";
import { work } from "./kept.js";
import { link } from "./link.js";
import { lookup, unitsOf } from "./lookup.js";
import { payment } from "./payment.js";
import { queue } from "./queue.js";
import { receiptView } from "./receipt.js";
import { sender } from "./sender.js";
import { stepper, whole } from "./stepper.js";

export function sellView(frame) {
  const { place } = frame;
  const { currency } = place;
  const basket = work("basket", place.location, []);
  const list = h("ul", { class: "list lines" });
  const told = h("div");
  const sum = h("p", { class: "sum number" });
  const element = h("section", { class: "sell stack", "aria-label": t("sell") });
  const pay = h("button", { class: "primary", on: { click: () => paying() } }, icon("sell"), t("pay", { a: () => money(total(basket.value), currency) }));
  let stage = "lines";
  let tenders = null;

  const amountOf = (line) => money(line.unit_amount * line.quantity, currency);
  const line = (item) => {
    const amount = h("span", { class: "number amount" }, amountOf(item));
    const price = h("span", { class: "small muted" });
    const steps = stepper(item.quantity, (n) => change(setQuantity(basket.value, item.sku, n)), { of: item.name, decimals: item.decimals });
    const row = h("li", { class: "line" }, h("div", { class: "grow" }, h("div", {}, item.name), h("div", {}, price)), steps, amount);
    row.update = (now) => {
      steps.tell(now.quantity);
      set(amount, amountOf(now));
      set(price, `${money(now.unit_amount, currency)}${now.sku === now.name ? "" : ` · ${now.sku}`}`);
    };
    return row;
  };

  const draw = () => {
    if (stage === "receipt") return;
    const lines = basket.value;
    // The newest stands on top, where the eye is.
    if (lines.length === 0) {
      list.rows = undefined;
      fill(list, h("li", { class: "empty-row" }, empty(t("s_sell_empty"))));
    } else {
      list.querySelector(".empty-row")?.remove();
      keyed(list, [...lines].reverse(), ({ sku }) => sku, line, (row, now) => row.update(now));
    }
    fill(sum, t("s_total"), " ", h("strong", {}, money(total(lines), currency)));
    sum.hidden = lines.length === 0;
    pay.disabled = lines.length === 0 || !session.may("sell");
    fill(pay, icon("sell"), t("pay", { a: money(total(lines), currency) }));
    if (!session.may("sell")) fill(told, notice("warn", t("needs", { p: "sell" })));
    frame.refresh();
  };
  const change = (lines) => {
    basket.put(lines);
    stage = "lines";
    tenders = null;
    draw();
  };

  /** A receipt is on the screen: what comes next is a new sale. */
  const begin = () => {
    if (stage !== "receipt") return;
    stage = "lines";
    list.rows = undefined;
    fill(list);
    fill(element, told, list, sum);
    fill(told);
  };

  const scan = async (typed) => {
    const found = await lookup(typed.read, place);
    if (!found) return frame.unknown(typed.read.code);
    if (found.kind === "location") return frame.elsewhere(found);
    if (found.kind === "receipt" || found.kind === "return") return frame.open("more", { job: "return", found });
    if (found.kind === "order" || found.kind === "reservation") return frame.open("pick", { found, code: typed.read.code });
    if (found.kind === "transfer") return frame.open("more", { job: "receive", found });
    const { record } = found;
    if (record.price === null || record.price === undefined) return frame.wrong(t("s_no_price", { i: record.name ?? record.sku }));
    const units = found.is_case ? await caseSize(record, unitsOf(typed, found)) : unitsOf(typed, found);
    if (!units) return undefined;
    begin();
    fill(told);
    change(add(basket.value, { sku: record.sku, name: record.name ?? record.sku, unit_amount: record.price.amount, decimals: record.decimals ?? 0 }, units));
    const { quantity: n } = basket.value.at(-1);
    return frame.right(h("span", { class: "grow" }, record.name ?? record.sku), h("span", { class: "number" }, `${quantity(n, record)} × ${money(record.price.amount, currency)}`), found.is_kept && h("span", { class: "muted small" }, t("s_kept_price")));
  };

  const paying = () => {
    if (stage === "lines" && basket.value.length > 0) {
      stage = "pay";
      tenders = payment({ amount: total(basket.value), currency, listen, back });
      frame.quiet();
      frame.refresh();
      tenders[0].querySelector("button")?.focus({ preventScroll: true });
    } else if (stage === "pay") {
      tenders?.[0].querySelector("button")?.click();
    }
  };
  const back = () => {
    if (stage !== "pay") return false;
    stage = "lines";
    tenders = null;
    frame.refresh();
    return true;
  };

  /** Takes the money: the sale is on this device before anything is told, and booked once. */
  const listen = (button, taken) => async () => {
    const told = taken();
    if (!told) return;
    const end = says(button);
    try {
      await frame.during(sell(told));
    } finally {
      end();
    }
  };
  const sell = async ({ tender, given }) => {
    const lines = basket.value;
    const is_offline = link.is_offline;
    if (is_offline && !session.may("stock")) return void fill(told, notice("warn", t("s_offline_no"), h("p", {}, t("needs", { p: "stock" }))));
    const shown = { lines, tender, given, total: total(lines), currency };
    const entry = await queue.sale(place, (named) => saleBody({ place, lines, tender, given, is_offline, named }), shown);
    let outcome = { state: "queued" };
    if (!is_offline) {
      const answered = sender.outcome(entry.id, LATE_MS);
      sender.kick();
      outcome = await answered;
    }
    if (outcome.state === "refused") return refused(entry, outcome.error);
    basket.put([]);
    stage = "receipt";
    tenders = null;
    fill(told);
    fill(element, receiptView({ place, entry, order: outcome.body ?? null }));
    frame.quiet();
    frame.refresh();
    return undefined;
  };

  /** Nothing was booked: the sale goes on as it stands, at the prices of now. */
  const refused = async (entry, error) => {
    await queue.remove(entry.id);
    stage = "lines";
    tenders = null;
    if (error.slug === "price-mismatch") {
      const asked = { lines: basket.value.map(({ sku }) => ({ sku })), location: place.location, channel: place.channel, currency };
      const { items } = await post("/v1/prices/query", asked).catch(() => ({ items: [] }));
      basket.put(repriced(basket.value, new Map(items.map(({ sku, amount }) => [sku, amount]))));
      fill(told, notice("warn", t("price_changed", { a: () => money(total(basket.value), currency) })));
    } else {
      fill(told, problemView(error, { currency, nameOf: (sku) => basket.value.find((line) => line.sku === sku)?.name ?? sku }));
    }
    draw();
    told.scrollIntoView({ block: "nearest" });
  };

  fill(element, told, list, sum);
  const redraw = () => draw();
  globalThis.addEventListener("language", redraw);
  session.addEventListener("change", redraw);
  link.addEventListener("change", redraw);
  return {
    element,
    scan,
    scanning: () => t("s_scan_sell"),
    show: draw,
    action: () => (stage === "receipt" ? [] : stage === "pay" ? tenders : [pay]),
    primary: paying,
    back,
    quantity(n) {
      const last = basket.value.at(-1);
      if (!last || stage === "receipt") return false;
      change(setQuantity(basket.value, last.sku, n));
      frame.say(h("span", {}, last.name), h("span", { class: "number" }, `× ${quantity(n, last)}`));
      return true;
    },
    end() {
      globalThis.removeEventListener("language", redraw);
      session.removeEventListener("change", redraw);
      link.removeEventListener("change", redraw);
    },
  };
}

/** A case of which only the unit is known: how many are in it? */
async function caseSize(record, cases) {
  const input = whole({ "aria-label": t("s_case_size") });
  const told = await ask(t("s_case", { i: record.name ?? record.sku }), input, [["ok", t("s_take_case"), "primary"], [null, t("cancel")]]);
  const size = /^\d{1,4}$/.test(input.value.trim()) ? Number(input.value) : 0;
  return told === "ok" ? size * cases : 0;
}
