// Receive: what is on its way to this store, from our places (transfers) and from suppliers (supply). Goods are scanned, or
// all are taken as listed; what differs is said before it is booked.

import { empty, fill, h, icon, keyed, notice, set, waiting } from "../screens/elements.js";
import { all, get, path } from "../screens/api.js";
import { day, quantity } from "../screens/format.js";
import { locations, nameOf, skus } from "../screens/names.js";
import { problemView } from "../screens/problem.js";
import { t } from "../screens/texts.js";
import { freeze, once } from "../screens/write.js";
import { link } from "./link.js";
import { lookup, unitsOf } from "./lookup.js";
import { work } from "./kept.js";
import { stepper } from "./stepper.js";
import "./job-texts.js";

/** The documents that are on their way: `{id, kind, from, expected_at, lines: [{sku, quantity}]}`. */
async function onTheWay(location) {
  const [moving, partly, supply] = await Promise.all([
    all("/v1/transfers", { to: location, state: "in_transit" }), all("/v1/transfers", { to: location, state: "partially_received" }),
    all("/v1/supply", { location }).catch(() => []),
  ]);
  const documents = new Map();
  for (const { sku, supplies = [] } of supply) {
    for (const { supply: id, quantity: n, expected_at, kind } of supplies) {
      // What our transfers bring stands in the transfer.
      if (!id || kind === "transfer" || !n) continue;
      const document = documents.get(id) ?? { id, kind: "supply", from: null, expected_at, lines: [] };
      document.lines.push({ sku, quantity: n });
      documents.set(id, document);
    }
  }
  return [...moving, ...partly].map(ofTransfer).concat([...documents.values()]);
}

const ofTransfer = (record) => ({
  id: record.transfer, kind: "transfer", from: record.from, expected_at: record.expected_at, state: record.state,
  lines: record.lines.filter(({ outstanding }) => outstanding > 0).map(({ sku, outstanding }) => ({ sku, quantity: outstanding })),
});

export function receiveJob(frame, { found }) {
  const { place } = frame;
  const element = h("div", { class: "stack" });
  const told = h("div");
  const book = h("button", { class: "primary" }, icon("done"), t("book"));
  let document = null;
  let came = null;
  let list = null;

  const overview = async () => {
    document = null;
    frame.refresh();
    const arrived = waiting(element);
    try {
      const documents = await onTheWay(place.location);
      await locations().catch(() => {});
      fill(element, told, h("ul", { class: "list" }, documents.map((one) => h("li", { class: "tap" }, h("button", { class: "plain whole", on: { click: () => open(one) } },
        h("span", { class: "grow" }, h("div", {}, one.id), h("div", { class: "small muted" }, one.from ? nameOf("location", one.from) : t("s_supplier"), one.expected_at ? ` · ${day(one.expected_at)}` : "")), h("span", { class: "number" }, quantity(one.lines.reduce((sum, { quantity: n }) => sum + n, 0))))))),
        documents.length === 0 && empty(t("s_receive_empty")));
    } catch (error) {
      fill(element, problemView(error, { retry: overview }));
    } finally {
      arrived();
    }
  };

  const open = async (one) => {
    document = one;
    came = work(`receive.${one.id}`, place.location, {});
    await skus(one.lines.map(({ sku }) => sku)).catch(() => {});
    const as_listed = h("button", { on: { click: () => { came.put(Object.fromEntries(document.lines.map(({ sku, quantity: n }) => [sku, n]))); draw(); } } }, t("all_as_listed"));
    list = h("ul", { class: "list lines" });
    fill(element, h("h3", {}, one.id), told, h("div", { class: "row" }, as_listed, h("button", { class: "plain", on: { click: overview } }, t("s_other_deliveries"))), list);
    fill(told);
    draw();
  };
  const lines = () => {
    const listed = new Map(document.lines.map(({ sku, quantity: n }) => [sku, n]));
    const more = Object.keys(came.value).filter((sku) => !listed.has(sku)).map((sku) => ({ sku, quantity: 0 }));
    return [...document.lines, ...more];
  };
  const draw = () => {
    keyed(list, lines(), ({ sku }) => sku, ({ sku, quantity: n }) => {
      const steps = stepper(came.value[sku] ?? 0, (now) => { came.put({ ...came.value, [sku]: now }); draw(); }, { of: nameOf("sku", sku) });
      const of = h("div", { class: "small muted" });
      const made = h("li", { class: "line" }, h("div", { class: "grow" }, h("div", {}, nameOf("sku", sku)), of), steps);
      made.update = () => {
        steps.tell(came.value[sku] ?? 0);
        set(of, `${t("s_listed", { n: quantity(n) })}`);
      };
      return made;
    }, (made) => made.update());
    book.disabled = Object.values(came.value).every((n) => n === 0) || link.is_offline;
    frame.refresh();
  };

  const scan = async (typed) => {
    const what = await lookup(typed.read, place, document ? "goods" : "orders");
    if (!what) return frame.unknown(typed.read.code);
    if (what.kind === "transfer") {
      await open(ofTransfer(what.record));
      return frame.right(what.id);
    }
    if (what.kind === "location") return frame.elsewhere(what);
    if (what.kind !== "sku" || !document) return frame.wrong(t("s_scan_paper"));
    const { record } = what;
    await skus([record.sku]);
    const now = (came.value[record.sku] ?? 0) + unitsOf(typed, what);
    came.put({ ...came.value, [record.sku]: now });
    draw();
    const listed = document.lines.find(({ sku }) => sku === record.sku)?.quantity ?? 0;
    const words = [h("span", { class: "grow" }, record.name ?? record.sku), h("span", { class: "number" }, `${now} / ${listed}`)];
    return now > listed ? frame.wrong(t("s_more_than_listed"), ...words) : frame.right(...words);
  };

  const counted = () => Object.entries(came.value).filter(([, n]) => n > 0);
  const write = () => (document.kind === "transfer"
    ? freeze("POST", path`/v1/transfers/${document.id}/receive`, { lines: counted().map(([sku, n]) => ({ sku, quantity: n })) })
    : freeze("POST", "/v1/stock/movements", { movements: counted().map(([sku, n]) => ({ kind: "receipt", sku, location: place.location, quantity: n, reference: document.id })) }));
  book.addEventListener("click", once(book, () => (document && counted().length > 0 ? write() : null), {
    during: (work) => frame.during(work),
    done: async () => {
      const { id, lines: listed } = document;
      const missing = listed.filter(({ sku, quantity: n }) => (came.value[sku] ?? 0) < n);
      const is_transfer = document.kind === "transfer";
      came.put({});
      await overview();
      fill(told, notice("ok", t("s_received", { n: id }), missing.length > 0 && h("p", {}, t("s_still_missing", { n: missing.length })), missing.length > 0 && is_transfer && closing(id)));
    },
    refused: (error) => fill(told, problemView(error, { nameOf: (sku) => nameOf("sku", sku) })),
  }));
  /** What did not come is missing for good. */
  const closing = (id) => {
    const button = h("button", {}, t("s_close_missing"));
    button.addEventListener("click", once(button, () => freeze("POST", path`/v1/transfers/${id}/receive`, { lines: [], close: true }), {
      done: () => { fill(told); overview(); }, during: (work) => frame.during(work), refused: (error) => fill(told, problemView(error)),
    }));
    return button;
  };

  if (found?.kind === "transfer") open(ofTransfer(found.record)).catch((error) => frame.failed(error));
  else if (found) get(path`/v1/transfers/${found.id}`).then((record) => open(ofTransfer(record)), (error) => frame.failed(error));
  else overview();
  return { element, scan, scanning: () => t("s_scan_receive"), action: () => (document ? book : []), primary: () => book.click(), back: () => document !== null && (overview(), true) };
}
