// Return: a receipt is scanned, each line says where the goods go (shelf, check, damaged), and the money goes back the way
// it came. Without a receipt the goods are scanned, which needs the scope `refund`.

import { empty, fill, h, icon, notice, waiting } from "../screens/elements.js";
import { get, path, post } from "../screens/api.js";
import { money, quantity } from "../screens/format.js";
import { nameOf, skus } from "../screens/names.js";
import { problemView } from "../screens/problem.js";
import { session } from "../screens/session.js";
import { t } from "../screens/texts.js";
import { freeze, once } from "../screens/write.js";
import { link } from "./link.js";
import { lookup, unitsOf } from "./lookup.js";
import { stepper } from "./stepper.js";
import "./job-texts.js";

const CONDITIONS = [["sellable", "shelf"], ["inspect", "check_goods"], ["damaged", "damaged"]];

export function returnJob(frame, { found }) {
  const { place } = frame;
  const element = h("div", { class: "stack" });
  const told = h("div");
  const button = h("button", { class: "primary", disabled: true }, t("s_choose_goods"));
  /** The order that is returned against; null without a receipt. */
  let order = null;
  /** An announced return that is received. */
  let announced = null;
  let lines = [];
  let stage = "scan";

  const currency = () => order?.currency ?? announced?.currency ?? place.currency;
  const chosen = () => lines.filter(({ quantity: n, condition }) => n > 0 && condition);
  const asked = () => ({
    channel: place.channel, location: place.location, till: place.till,
    ...(order ? { order: order.order } : { currency: place.currency }),
    lines: chosen().map(({ line, sku, quantity: n, condition }) => ({ ...(order ? { line } : { sku }), quantity: n, condition })),
    ...(place.documents.credit_note && order?.receipts?.length > 0 && { receipt: {} }),
  });

  const row = (line) => {
    const steps = line.most > 1 || !order ? stepper(line.quantity, (n) => { line.quantity = n; steps.tell(n); price(); }, { least: 1, most: line.most, of: nameOf("sku", line.sku) }) : null;
    const buttons = CONDITIONS.map(([condition, text]) => h("button", { "aria-pressed": String(line.condition === condition), on: { click: () => choose(line, condition) } }, t(text)));
    const none = line.most === 0 && h("p", { class: "small muted" }, t("only_returnable", { n: 0 }));
    const made = h("li", { class: "line wide" }, h("div", { class: "grow" }, h("div", {}, nameOf("sku", line.sku)), line.most > 1 && line.most < Infinity && h("div", { class: "small muted" }, t("only_returnable", { n: line.most })), none), steps,
      line.most > 0 && h("div", { class: "conditions", role: "group", "aria-label": t("s_condition") }, buttons));
    line.tell = () => buttons.forEach((one, at) => one.setAttribute("aria-pressed", String(line.condition === CONDITIONS[at][0])));
    return made;
  };
  const choose = (line, condition) => {
    line.condition = line.condition === condition ? null : condition;
    line.tell();
    price();
  };

  /** What comes back in money, worked out by the server; the last question counts. */
  let asking = 0;
  let worth = null;
  const price = async () => {
    const mine = ++asking;
    worth = null;
    button.disabled = true;
    if (chosen().length === 0) return fill(button, t("s_choose_goods"));
    try {
      const told_now = announced ? { value: null } : await post("/v1/returns", { ...asked(), ...withoutReceipt(), dry_run: true });
      if (mine !== asking) return undefined;
      worth = told_now;
      fill(told);
      fill(button, icon("back"), worth.value === null ? t("s_take_back") : t("refund", { a: () => money(worth.value, currency()) }));
      button.disabled = link.is_offline || (!order && !announced && !session.may("refund"));
    } catch (error) {
      if (mine !== asking) return undefined;
      fill(button, t("s_take_back"));
      fill(told, problemView(error, { currency: currency(), nameOf: (sku) => nameOf("sku", sku) }));
    }
    return undefined;
  };
  /** Until there are wallets, what comes without a receipt is paid back in cash. */
  const withoutReceipt = () => (order || worth === null ? {} : { refunds: worth.value > 0 ? [{ tender: "cash", amount: worth.value, state: "done" }] : [] });

  button.addEventListener("click", once(button, () => {
    if (chosen().length === 0) return null;
    if (announced) {
      const body = { channel: place.channel, location: place.location, till: place.till, lines: lines.map(({ line, quantity: n, condition }) => ({ line, quantity: condition ? n : 0, condition: condition ?? "sellable" })) };
      return freeze("POST", path`/v1/returns/${announced.return}/receive`, { ...body, ...(place.documents.credit_note && { receipt: {} }) });
    }
    return freeze("POST", "/v1/returns", { ...asked(), ...withoutReceipt() });
  }, {
    during: (work) => frame.during(work),
    done: ({ body }) => { stage = "done"; paidBack(body); frame.refresh(); },
    refused: (error) => fill(told, problemView(error, { currency: currency(), nameOf: (sku) => nameOf("sku", sku) })),
  }));

  /** What is still to be paid back by hand: cash out of the drawer, cards on the terminal. */
  const paidBack = (back) => {
    const pending = back.refunds.filter(({ state }) => state === "pending");
    const done = back.refunds.filter(({ state }) => state === "done");
    const rows = pending.map((refund) => {
      const { amount, tender } = refund;
      const pay = h("button", { class: "primary" }, icon("done"), tender === "cash" ? t("s_cash_back") : t("paid_back"));
      pay.addEventListener("click", once(pay, () => freeze("POST", path`/v1/returns/${back.return}/refunds`, {
        channel: place.channel, location: place.location, till: place.till, refunds: [{ refund: refund.refund, tender, amount, state: "done", ...(refund.payment && { payment: refund.payment }) }],
      }), { done: ({ body }) => paidBack(body), during: (work) => frame.during(work), refused: (error) => fill(told, problemView(error, { currency: back.currency })) }));
      return h("li", {}, h("span", { class: "grow" }, t(tender === "cash" ? "s_cash" : tender === "card" ? "card" : "s_other_tender")), h("span", { class: "number" }, money(amount, back.currency)), pay);
    });
    fill(element, notice("ok", t("s_returned", { n: back.receipts?.[0] ?? back.return }), done.map(({ amount }) => h("p", {}, t("s_paid_back", { a: () => money(amount, back.currency) })))), told, rows.length > 0 && h("ul", { class: "list" }, rows), h("p", { class: "muted" }, t("s_next_return")));
    frame.refresh();
  };

  const draw = () => {
    stage = "lines";
    fill(element, h("h3", {}, order?.order ?? announced?.return ?? t("no_receipt")), !order && !announced && !session.may("refund") && notice("warn", t("needs", { p: "refund" })), told, h("ul", { class: "list" }, lines.map(row)));
    price();
    frame.refresh();
  };

  const openOrder = async (id) => {
    const arrived = waiting(element);
    try {
      const record = await get(path`/v1/orders/${id}`);
      await skus(record.lines.map(({ sku }) => sku));
      [order, announced] = [record, null];
      lines = record.lines.map(({ line, sku, handed_over, returned }) => ({ line, sku, most: handed_over - returned, quantity: Math.min(handed_over - returned, 1), condition: null }));
      draw();
    } finally {
      arrived();
    }
  };
  const openAnnounced = async (record) => {
    await skus(record.lines.map(({ sku }) => sku));
    [order, announced] = [null, record];
    lines = record.lines.map(({ line, sku, quantity: n, condition }) => ({ line, sku, most: n, quantity: n, condition }));
    draw();
  };
  const openFound = async (what) => {
    if (what.kind === "return" && what.record.state === "announced") return openAnnounced(what.record);
    const id = what.kind === "order" ? what.id : what.record.order;
    return id ? openOrder(id) : frame.wrong(t("s_no_order"));
  };

  const scan = async (typed) => {
    const what = await lookup(typed.read, place, stage === "lines" ? "goods" : "orders");
    if (!what) return frame.unknown(typed.read.code);
    if (what.kind === "location") return frame.elsewhere(what);
    if (what.kind === "sku") return goods(what.record, unitsOf(typed, what));
    if (!["receipt", "order", "return"].includes(what.kind)) return frame.wrong(t("s_no_order"));
    await openFound(what);
    return frame.right(typed.read.code);
  };
  /** A scanned item: the line of it, or one without a receipt. */
  const goods = (record, n) => {
    if (stage === "lines" && (order || announced)) {
      const line = lines.find(({ sku, most }) => sku === record.sku && most > 0);
      if (!line) return frame.wrong(t("s_not_on_receipt", { i: record.name ?? record.sku }));
      choose(line, "sellable");
      return frame.right(record.name ?? record.sku);
    }
    if (stage === "done") [order, announced, lines] = [null, null, []];
    const before = lines.find(({ sku }) => sku === record.sku);
    if (before) before.quantity += n;
    else lines.push({ line: null, sku: record.sku, most: Infinity, quantity: n, condition: "sellable" });
    return skus([record.sku]).then(() => { draw(); frame.right(record.name ?? record.sku); });
  };

  fill(element, empty(t("s_return_empty"), h("br"), t("s_no_receipt_hint")));
  if (link.is_offline) fill(element, notice("warn", t("s_needs_line")));
  if (found) openFound(found).catch((error) => fill(element, problemView(error)));
  return { element, scan, scanning: () => t("s_scan_return"), action: () => (stage === "lines" ? button : []), primary: () => button.click() };
}
