// Closing a till: what it took in, by tender, and what it sold, by tax rate. First everything is sent.

import { empty, field, fill, h, icon, notice, waiting } from "../screens/elements.js";
import { get } from "../screens/api.js";
import { money, number, quantity } from "../screens/format.js";
import { problemView } from "../screens/problem.js";
import { t } from "../screens/texts.js";
import { clock } from "./clock.js";
import { queue } from "./queue.js";
import "./job-texts.js";

const TENDERS = { cash: "s_cash", card: "card" };

export function dayJob(frame) {
  const { place } = frame;
  const today = () => new Intl.DateTimeFormat("en-CA", { timeZone: place.timezone ?? undefined }).format(new Date(clock.now()));
  const day = h("input", { type: "date", value: today(), on: { change: () => read() } });
  const till = h("input", { value: place.till, autocomplete: "off", on: { change: () => read() } });
  const waits = h("div");
  const area = h("div", { class: "stack" });
  const element = h("div", { class: "stack" }, h("div", { class: "fields" }, field(t("s_day"), day), field(t("s_till"), till)), waits, area);

  const read = async () => {
    const n = queue.waiting.length + queue.refused.length;
    fill(waits, n > 0 && notice("warn", t("s_send_first", { n })));
    if (!day.value) return;
    const arrived = waiting(area);
    try {
      // A day of the books: from it, to the day after.
      const next = new Date(Date.parse(`${day.value}T12:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
      const asked = { location: place.location, till: till.value, from: day.value, to: next };
      const [tenders, rates] = await Promise.all([get("/v1/sales/totals", { ...asked, by: "tender" }), get("/v1/sales/totals", { ...asked, by: "tax_rate" })]);
      draw(tenders.items, rates.items);
    } catch (error) {
      fill(area, problemView(error, { retry: read }));
    } finally {
      arrived();
    }
  };
  const draw = (tenders, rates) => {
    if (tenders.length === 0 && rates.length === 0) return fill(area, empty(t("s_day_empty")));
    const kinds = { payment: "s_came", refund: "s_went_back", "top_up": "s_came" };
    const net = (items, sign) => items.reduce((sum, item) => sum + sign(item), 0);
    const signed = ({ kind, amount }) => (kind === "refund" ? -Math.abs(amount) : amount);
    const currency = tenders[0]?.currency ?? rates[0]?.currency ?? place.currency;
    return fill(area,
      h("table", {}, h("caption", {}, t("s_by_tender")), h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("s_tender")), h("td", {}), h("th", { scope: "col", class: "number" }, t("s_amount")))),
        h("tbody", {}, tenders.map((item) => h("tr", {}, h("th", { scope: "row" }, t(TENDERS[item.tender] ?? "s_other_tender")), h("td", {}, t(kinds[item.kind] ?? "s_came")), h("td", { class: "number" }, money(signed(item), item.currency)))),
          h("tr", {}, h("th", { scope: "row" }, t("s_total")), h("td", {}), h("td", { class: "number" }, h("strong", {}, money(net(tenders, signed), currency)))))),
      h("table", {}, h("caption", {}, t("s_by_rate")), h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("s_rate")), h("th", { scope: "col", class: "number" }, t("s_units")), h("th", { scope: "col", class: "number" }, t("s_amount")))),
        h("tbody", {}, rates.map((item) => h("tr", {}, h("th", { scope: "row" }, number((item.tax_rate ?? 0) / 10_000, { style: "percent", maximumFractionDigits: 2 })), h("td", { class: "number" }, quantity(item.quantity ?? 0)), h("td", { class: "number" }, money(item.amount, item.currency)))))),
      h("button", { on: { click: () => print() } }, icon("print"), t("print")));
  };
  queue.addEventListener("change", read);
  read();
  return { element, end: () => queue.removeEventListener("change", read) };
}
