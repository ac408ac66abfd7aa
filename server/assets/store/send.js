// Send goods to another of our places: choose it, scan, send. They are reserved and leave in two steps that a repeat does
// not do twice; until they arrive they are on their way.

import { empty, field, fill, h, icon, keyed, notice } from "../screens/elements.js";
import { path } from "../screens/api.js";
import { quantity } from "../screens/format.js";
import { locations, nameOf } from "../screens/names.js";
import { problemView } from "../screens/problem.js";
import { t } from "../screens/texts.js";
import { freeze, once, unique } from "../screens/write.js";
import { add, setQuantity } from "./basket.js";
import { work } from "./kept.js";
import { link } from "./link.js";
import { lookup, unitsOf } from "./lookup.js";
import { stepper } from "./stepper.js";
import "./job-texts.js";

export function sendJob(frame) {
  const { place } = frame;
  const kept = work("send", place.location, { lines: [], to: "", id: null });
  const told = h("div");
  const to = h("select", { on: { change: () => { kept.put({ ...kept.value, to: to.value }); draw(); } } }, h("option", { value: "" }, t("s_choose_to")));
  const list = h("ul", { class: "list lines" });
  const button = h("button", { class: "primary" }, icon("store"), t("s_send_now"));
  const element = h("div", { class: "stack" }, told, field(t("s_send_to"), to), list);
  locations().then((items) => {
    to.append(...items.filter(({ location }) => location !== place.location).map(({ location, name }) => h("option", { value: location }, name ?? location)));
    to.value = kept.value.to;
    draw();
  }, (error) => frame.failed(error));

  const change = (lines) => {
    // Other lines are another transfer.
    kept.put({ ...kept.value, lines, id: null });
    draw();
  };
  const draw = () => {
    if (kept.value.lines.length === 0) {
      list.rows = undefined;
      fill(list, h("li", { class: "empty-row" }, empty(t("s_send_empty"))));
    } else {
      list.querySelector(".empty-row")?.remove();
      keyed(list, [...kept.value.lines].reverse(), ({ sku }) => sku, ({ sku, name, quantity: n }) => {
        const steps = stepper(n, (now) => change(setQuantity(kept.value.lines, sku, now)), { of: name });
        const made = h("li", { class: "line" }, h("div", { class: "grow" }, h("div", {}, name), h("div", { class: "small muted" }, sku)), steps);
        made.tell = steps.tell;
        return made;
      }, (made, { quantity: n }) => made.tell(n));
    }
    button.disabled = kept.value.lines.length === 0 || !kept.value.to || link.is_offline;
    frame.refresh();
  };
  const scan = async (typed) => {
    const found = await lookup(typed.read, place);
    if (!found || found.kind !== "sku") return frame.unknown(typed.read.code);
    const { record } = found;
    fill(told);
    change(add(kept.value.lines, { sku: record.sku, name: record.name ?? record.sku }, unitsOf(typed, found)));
    return frame.right(h("span", { class: "grow" }, record.name ?? record.sku), h("span", { class: "number" }, quantity(kept.value.lines.at(-1).quantity)));
  };
  const nameOfSku = (sku) => kept.value.lines.find((line) => line.sku === sku)?.name ?? sku;
  const refused = (error) => {
    kept.put({ ...kept.value, id: null });
    fill(told, problemView(error, { nameOf: nameOfSku, act: ({ sku }, would) => { if (would.quantity) change(setQuantity(kept.value.lines, sku, would.quantity)); } }));
  };
  const during = (work) => frame.during(work);
  /** The transfer that is made and has not left yet. */
  let made = null;
  const create = once(button, () => {
    const id = kept.value.id ?? `send-${unique().slice(0, 12)}`;
    kept.put({ ...kept.value, id });
    const lines = kept.value.lines.map(({ sku, quantity: n }) => ({ sku, quantity: n }));
    return freeze("POST", "/v1/transfers", { transfer: id, from: place.location, to: kept.value.to, reason: "on_demand", ready: true, lines }, id);
  }, { done: ({ body }) => { made = body.transfer; return ship(); }, refused, during });
  const ship = once(button, () => freeze("POST", path`/v1/transfers/${made}/ship`, {}, `${made}-ship`), {
    done: () => {
      const where = nameOf("location", kept.value.to);
      kept.put({ lines: [], to: "", id: null });
      to.value = "";
      fill(told, notice("ok", t("s_sent", { n: made, s: where })));
      made = null;
      draw();
    },
    refused: (error) => {
      made = null;
      fill(told, problemView(error));
    },
    during,
  });
  button.addEventListener("click", (event) => (made ? ship(event) : create(event)));
  draw();
  return { element, scan, scanning: () => t("s_scan_send"), action: () => button, primary: () => button.click() };
}
