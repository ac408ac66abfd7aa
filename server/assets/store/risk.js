// Promises at risk: cells of this store that no longer cover what is promised. Each is counted again, moved or given back.

import { empty, fill, h, notice, waiting } from "../screens/elements.js";
import { all, get, path } from "../screens/api.js";
import { quantity } from "../screens/format.js";
import { stream } from "../screens/live.js";
import { nameOf, skus } from "../screens/names.js";
import { problemView } from "../screens/problem.js";
import { session } from "../screens/session.js";
import { t } from "../screens/texts.js";
import "./job-texts.js";

const TOGETHER_MS = 200;

export function riskJob(frame, { open }) {
  const { place } = frame;
  const element = h("div", { class: "stack" });
  const read = async () => {
    const arrived = element.firstChild ? () => {} : waiting(element);
    try {
      const items = (await all("/v1/shortages")).filter(({ location }) => location === place.location);
      await skus(items.map(({ sku }) => sku));
      fill(element, items.length === 0 ? empty(t("s_no_risk")) : items.map(row));
    } catch (error) {
      fill(element, problemView(error, { retry: read }));
    } finally {
      arrived();
    }
  };
  const row = ({ sku, on_hand, reserved, missing, promises }) => h("section", { class: "panel stack", "aria-label": nameOf("sku", sku) },
    h("div", { class: "row spread" }, h("h3", {}, nameOf("sku", sku)), h("strong", { class: "number" }, t("s_missing", { n: () => quantity(missing) }))),
    h("p", { class: "small muted" }, `${quantity(on_hand)} `, t("n_here"), ` − ${quantity(reserved)} `, t("n_promised")),
    promises.length > 0 && h("ul", { class: "list" }, promises.map((promise) => h("li", { class: "tap" }, h("button", { class: "plain whole", on: { click: () => openPromise(promise) } }, h("span", { class: "grow" }, promise.order ?? promise.reservation.slice(-6)), h("span", { class: "number" }, quantity(promise.quantity ?? 0)))))),
    h("div", { class: "row" }, h("button", { disabled: !session.may("stock"), on: { click: () => open("count") } }, t("s_recount"))));
  /** The order on the tab Pick, where it is moved or given back. */
  const openPromise = async (promise) => {
    try {
      frame.open("pick", { reservation: await get(path`/v1/reservations/${promise.reservation}`) });
    } catch (error) {
      frame.failed(error);
    }
  };
  let timer = null;
  const followed = stream.follow({ kinds: ["shortage"], locations: [place.location] }, {
    onreset: read, onrefused: () => {},
    onevent: () => {
      clearTimeout(timer);
      timer = setTimeout(read, TOGETHER_MS);
    },
  });
  if (!session.may("stock") && !session.may("ops")) fill(element, notice("warn", t("needs", { p: "stock" })));
  else read();
  return { element, end: () => { followed.close(); clearTimeout(timer); } };
}
