// Why a SKU is available at a place for a channel, or not: the cell as an equation, and each rule with its verdict.

import { complain, field, fill, h } from "/screens/elements.js";
import { number } from "/screens/format.js";
import { Refusal, get } from "/screens/api.js";
import { problemView } from "/screens/problem.js";
import { t } from "/screens/texts.js";
import { effect } from "./rule.js";

/** What the server says of one cell and channel. */
export async function explained(sku, location, channel) {
  const [why, cells] = await Promise.all([
    get("/v1/rules/explain", { sku, location, channel }),
    get("/v1/availability", { sku, location, channel }),
  ]);
  return { ...why, cell: cells.items[0] ?? null };
}

const verdict = ({ verdict, loses_to }) => (verdict === "in_force" ? t("o_in_force") : verdict === "loses" ? t("o_loses", { r: loses_to }) : t("o_not_now"));

/** The answer as sentences and a table. */
export function explanation({ cell, result, rules }) {
  const n = (value) => () => number(value);
  const sum = !cell ? t("o_not_stocked")
    : cell.on_hand === undefined ? t("o_banded", { band: String(cell.band ?? result.band) })
      : t("o_equation", { on_hand: n(cell.on_hand), reserved: n(cell.reserved), safety: n(cell.safety_stock), buffer: n(cell.buffer ?? result.buffer), available: n(cell.available) });
  const heads = ["o_rule", "o_rule_kind", "o_does", "o_state"];
  return h("div", { class: "stack" }, h("p", {}, sum), !result.sells && h("p", {}, t("o_denied")),
    rules.length === 0 ? h("p", { class: "muted" }, t("o_no_rules_here"))
      : h("div", { class: "scrolls", tabindex: 0, role: "group", "aria-label": t("o_rules") }, h("table", {},
        h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, t(head))))),
        h("tbody", {}, rules.map((rule) => h("tr", {}, h("th", { scope: "row" }, rule.rule), h("td", {}, rule.kind), h("td", {}, effect(rule)), h("td", {}, verdict(rule))))))));
}

/** The form that asks. */
export function explainPanel() {
  const inputs = Object.fromEntries([["sku", "o_sku"], ["location", "place"], ["channel", "channel"]].map(([name, label]) => [name, [h("input", { name, autocomplete: "off", spellcheck: "false" }), t(label)]]));
  const answer = h("div", { role: "status" });
  const form = h("form", { class: "asked", novalidate: true }, Object.values(inputs).map(([input, label]) => field(label, input)), h("button", { class: "primary" }, t("o_explain")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [sku, location, channel] = ["sku", "location", "channel"].map((name) => inputs[name][0].value.trim());
    const missing = ["sku", "location"].filter((name) => !inputs[name][0].value.trim()).map((name) => [inputs[name][0], t("o_fill_in")]);
    if (!complain(form, missing)) return;
    try {
      fill(answer, explanation(await explained(sku, location, channel || undefined)));
    } catch (error) {
      if (error instanceof Refusal && error.problem.field && inputs[error.problem.field]) complain(form, [[inputs[error.problem.field][0], error.message]]);
      else fill(answer, problemView(error));
    }
  });
  return h("section", { class: "stack" }, h("h3", {}, t("o_explain_title")), form, answer);
}
