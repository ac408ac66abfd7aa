// What was asked for and not granted, lately, by SKU, place and channel; and why.

import { get } from "/screens/api.js";
import { empty, fill, h } from "/screens/elements.js";
import { number } from "/screens/format.js";
import { nameOf, skus } from "/screens/names.js";
import { problemView } from "/screens/problem.js";
import { t } from "/screens/texts.js";
import { explained, explanation } from "./explain.js";
import { measures } from "./measures.js";
import { tallied } from "./parse.js";
import { reading } from "./reading.js";

const LAST = Number.MAX_SAFE_INTEGER;
const LOOKS_S = 10;
const RECORDS_MAX = 1000;
const ROWS = 20;

export function refusedPanel() {
  const list = h("div");
  const answer = h("div", { role: "status" });
  let told = "";
  let last = null;
  let records = [];
  const why = async ({ sku, location, group, channel }) => {
    fill(answer, h("h3", { tabindex: -1 }, t("o_refused_of", { sku: () => nameOf("sku", sku) })));
    try {
      const at = location ?? (await get(`/v1/groups/${encodeURIComponent(group)}`)).locations[0];
      answer.append(explanation(await explained(sku, at, channel ?? undefined)));
    } catch (error) {
      answer.append(problemView(error));
    }
    answer.firstChild.focus();
  };
  const draw = async () => {
    const rows = tallied(records).slice(0, ROWS);
    // Nothing moves under a finger: the list is drawn anew only when it says something else, and nobody is in it.
    if (JSON.stringify(rows) === told || (told && list.matches(":hover, :focus-within"))) return;
    await skus(rows.map(({ sku }) => sku)).catch(() => {});
    told = JSON.stringify(rows);
    fill(list, rows.length === 0 ? empty(t("o_no_refused")) : h("div", { class: "scrolls", tabindex: 0, role: "group", "aria-label": t("o_refused") }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("item")), h("th", { scope: "col" }, t("place")), h("th", { scope: "col" }, t("channel")), h("th", { scope: "col", class: "number" }, t("o_units")))),
      h("tbody", {}, rows.map((row) => h("tr", {}, h("th", { scope: "row" }, h("button", { "aria-label": t("o_refused_of", { sku: () => nameOf("sku", row.sku) }), on: { click: () => why(row) } }, nameOf("sku", row.sku))), h("td", {}, row.location ? nameOf("location", row.location) : row.group), h("td", {}, row.channel),
        h("td", { class: "number" }, number(row.units))))))));
  };
  const look = reading(list, async () => {
    const asked = last === null ? { before: LAST } : { after: last };
    const { items } = await get("/v1/events", { kind: "demand_lost", limit: 200, ...asked });
    records = [...items.sort((one, other) => other.seq - one.seq), ...records].slice(0, RECORDS_MAX);
    last = Math.max(last ?? 0, records[0]?.seq ?? 0);
    await draw();
  });
  look();
  // Later ones are asked for only while there are refusals.
  setInterval(() => { if (measures.samples.slice(-LOOKS_S).some(({ refusals }) => refusals > 0)) look(); }, LOOKS_S * 1000);
  return h("div", { class: "stack" }, list, answer);
}
