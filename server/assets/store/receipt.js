// The receipt on the screen, where the sale stood.

import { fill, h, icon, notice } from "../screens/elements.js";
import { get, path } from "../screens/api.js";
import { moment, money, quantity } from "../screens/format.js";
import { t } from "../screens/texts.js";
import { queue } from "./queue.js";

const TENDERS = { cash: "s_cash", card: "card" };

/** `order` is the record if the server has it; without one the number is the till's own, until it has. */
export function receiptView({ place, entry, order }) {
  const { lines, tender, given, total, currency } = entry.shown;
  const head = h("div");
  const print = h("a", { class: "button", target: "_blank", rel: "noopener", hidden: true }, icon("print"), t("print"));
  const view = h("section", { class: "receipt stack", tabindex: "-1" },
    head,
    h("p", { class: "small muted" }, place.name, " · ", moment(entry.at)),
    h("ul", { class: "list" }, lines.map((line) => h("li", {}, h("span", { class: "grow" }, line.name), h("span", { class: "number muted" }, `${quantity(line.quantity, line)} ×`), h("span", { class: "number" }, money(line.unit_amount * line.quantity, currency))))),
    h("dl", { class: "facts totals" },
      h("dt", {}, t("s_total")), h("dd", { class: "number" }, h("strong", {}, money(order?.total ?? total, currency))),
      h("dt", {}, t(TENDERS[tender])), h("dd", { class: "number" }, money(given > total ? given : total, currency))),
    given > total && h("p", { class: "change-due" }, t("change", { a: money(given - total, currency) })),
    h("div", { class: "row" }, print),
    h("p", { class: "muted" }, t("s_next_sale")));
  const sold = (record) => {
    const [id] = record.receipts ?? [];
    const tell = (n) => fill(head, notice("ok", t("sold", { n })));
    tell(id ? "…" : record.till_reference ?? record.order);
    if (id) get(path`/v1/receipts/${id}`).then((receipt) => {
      tell(receipt.number);
      if (!receipt.key) return;
      print.href = `/r/${receipt.key}`;
      print.hidden = false;
    }, () => tell(id));
  };
  if (order) sold(order);
  else {
    fill(head, notice("warn", t("provisional_receipt", { r: entry.till_reference }), h("p", {}, t("s_waits_here"))));
    const controller = new AbortController();
    const hear = (kind, tell) => queue.addEventListener(kind, ({ detail }) => {
      if (detail.id !== entry.id) return;
      controller.abort();
      if (view.isConnected) tell(detail);
    }, { signal: controller.signal });
    hear("sent", ({ body }) => sold(body));
    hear("refused", () => fill(head, notice("bad", t("provisional_receipt", { r: entry.till_reference }), h("p", {}, t("s_was_refused")))));
  }
  queueMicrotask(() => view.focus({ preventScroll: true }));
  return view;
}
