// Promises that stock no longer covers.

import { get } from "/screens/api.js";
import { empty, fill, h } from "/screens/elements.js";
import { number } from "/screens/format.js";
import { nameOf, skus } from "/screens/names.js";
import { t } from "/screens/texts.js";
import { measures } from "./measures.js";
import { reading } from "./reading.js";

export function shortagesPanel() {
  const list = h("div");
  let count = null;
  const look = reading(list, async () => {
    const { items } = await get("/v1/shortages", { limit: 50 });
    await skus(items.map(({ sku }) => sku)).catch(() => {});
    fill(list, items.length === 0 ? empty(t("o_no_shortages")) : h("div", { class: "scrolls", tabindex: 0, role: "group", "aria-label": t("o_shortages") }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("item")), h("th", { scope: "col" }, t("place")), h("th", { scope: "col", class: "number" }, t("on_hand")), h("th", { scope: "col", class: "number" }, t("reserved")), h("th", { scope: "col", class: "number" }, t("o_missing")))),
      h("tbody", {}, items.map(({ sku, location, on_hand, reserved }) => h("tr", {}, h("th", { scope: "row" }, nameOf("sku", sku)), h("td", {}, nameOf("location", location)),
        h("td", { class: "number" }, number(on_hand)), h("td", { class: "number" }, number(reserved)), h("td", { class: "number" }, number(reserved - on_hand))))))));
  });
  look();
  measures.addEventListener("change", () => {
    const now = measures.samples.at(-1)?.shortages;
    if (now !== undefined && now !== count) {
      if (count !== null) look();
      count = now;
    }
  });
  return list;
}
