// Who moved an item at this store: the newest records of its cell.

import { empty, fill, h, waiting } from "../screens/elements.js";
import { get } from "../screens/api.js";
import { moment, quantity } from "../screens/format.js";
import { problemView } from "../screens/problem.js";
import { session } from "../screens/session.js";
import { t } from "../screens/texts.js";

const MOST = 30;

/** A folded list; it is read when it is opened. */
export function history(frame, sku) {
  const area = h("div");
  const details = h("details", {}, h("summary", {}, t("s_history")), area);
  details.hidden = !session.may("stock") && !session.may("read");
  details.addEventListener("toggle", async () => {
    if (!details.open) return;
    const arrived = waiting(area);
    try {
      const { items } = await get("/v1/events", { sku, location: frame.place.location, before: Number.MAX_SAFE_INTEGER, limit: MOST });
      fill(area, items.length === 0 ? empty(t("s_no_history")) : h("ul", { class: "list" }, items.map((item) => row(item, sku, frame.place.location))));
    } catch (error) {
      fill(area, problemView(error));
    } finally {
      arrived();
    }
  });
  return details;
}

/** What happened, by whom, and what was here after it. */
function row({ time, kind, cause = {}, seq, items = [] }, sku, location) {
  const cell = items.find((one) => one.sku === sku && one.location === location);
  return h("li", {}, h("span", { class: "grow", lang: "en" }, kind.replaceAll("_", " ")), h("span", { class: "small muted" }, cause.actor ?? cause.channel ?? ""),
    cell && h("span", { class: "number" }, "→ ", quantity(cell.on_hand)), h("time", { class: "number small", datetime: time, title: String(seq) }, moment(time)));
}
