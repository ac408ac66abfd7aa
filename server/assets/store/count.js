// Count: scans, a review of the differences before they are booked, the largest first. Beyond five units it is counted once
// more. A count may wait on this device: it is true at the time of each of its lines.

import { empty, fill, h, icon, keyed, notice, toast } from "../screens/elements.js";
import { Refusal, Unreachable, post } from "../screens/api.js";
import { quantity } from "../screens/format.js";
import { problemView } from "../screens/problem.js";
import { session } from "../screens/session.js";
import { t } from "../screens/texts.js";
import { LATE_MS, says } from "../screens/write.js";
import { clock } from "./clock.js";
import { work } from "./kept.js";
import { link } from "./link.js";
import { lookup, unitsOf } from "./lookup.js";
import { queue } from "./queue.js";
import { sender } from "./sender.js";
import { stepper } from "./stepper.js";
import "./job-texts.js";

/** A difference beyond this is counted once more. */
const ASKS_BEYOND = 5;

export function countJob(frame, { close }) {
  const { place } = frame;
  const kept = work("count", place.location, []);
  const list = h("ul", { class: "list lines" });
  const aside = h("div");
  const told = h("div");
  const review = h("button", { class: "primary", on: { click: () => reviewing() } }, t("review"));
  const book = h("button", { class: "primary" }, icon("done"), t("book"));
  const element = h("div", { class: "stack" }, told, aside, list);
  let stage = "count";
  let unknown = [];
  let asked_again = new Set();

  const put = (lines) => {
    kept.put(lines);
    draw();
  };
  const set = (sku, counted) => put(kept.value.map((line) => (line.sku === sku ? { ...line, counted, counted_at: new Date(clock.now()).toISOString() } : line)));
  const row = ({ sku, name, counted }) => {
    const steps = stepper(counted, (n) => set(sku, n), { of: name });
    const made = h("li", { class: "line" }, h("div", { class: "grow" }, h("div", {}, name), h("div", { class: "small muted" }, sku)), steps);
    made.tell = steps.tell;
    return made;
  };
  const draw = () => {
    stage = "count";
    fill(element, told, aside, list);
    if (kept.value.length === 0) {
      list.rows = undefined;
      fill(list, h("li", { class: "empty-row" }, empty(t("s_count_empty"))));
    } else {
      list.querySelector(".empty-row")?.remove();
      keyed(list, [...kept.value].reverse(), ({ sku }) => sku, row, (made, { counted }) => made.tell(counted));
    }
    fill(aside, unknown.length > 0 && notice("warn", t("s_set_aside", { c: unknown.join(", ") })));
    review.disabled = kept.value.length === 0 || !session.may("stock");
    frame.refresh();
  };

  const scan = async (typed) => {
    const found = await lookup(typed.read, place);
    if (!found || found.kind !== "sku") {
      unknown = [...unknown, typed.read.code];
      draw();
      return frame.wrong(t("unknown_code", { c: typed.read.code }), h("span", {}, t("s_put_aside")));
    }
    fill(told);
    const { record } = found;
    const before = kept.value.find(({ sku }) => sku === record.sku);
    const counted = (before?.counted ?? 0) + unitsOf(typed, found);
    const line = { sku: record.sku, name: record.name ?? record.sku, counted, counted_at: new Date(clock.now()).toISOString() };
    put([...kept.value.filter(({ sku }) => sku !== record.sku), line]);
    return frame.right(h("span", { class: "grow" }, line.name), h("span", { class: "number" }, quantity(counted)));
  };

  const body = () => ({ put_aside: "excluded", counts: kept.value.map(({ sku, counted, counted_at }) => ({ sku, location: place.location, on_hand: counted, counted_at })) });

  /** The differences, as far as the server can be asked. */
  const reviewing = async () => {
    review.setAttribute("aria-busy", "true");
    try {
      const { items } = link.is_offline ? { items: null } : await post("/v1/stock/counts", { ...body(), dry_run: true });
      differences(items);
    } catch (error) {
      if (error instanceof Unreachable || (error instanceof Refusal && error.is_passing)) differences(null);
      else fill(told, problemView(error));
    } finally {
      review.removeAttribute("aria-busy");
    }
  };
  const differences = (items) => {
    stage = "review";
    frame.quiet();
    const nameOf = (sku) => kept.value.find((line) => line.sku === sku)?.name ?? sku;
    const sorted = [...(items ?? [])].sort((one, other) => Math.abs(other.delta) - Math.abs(one.delta));
    const differing = sorted.filter(({ delta }) => delta !== 0);
    const rows = differing.map((item) => {
      const { sku, expected, counted, delta } = item;
      const asks = Math.abs(delta) > ASKS_BEYOND && !asked_again.has(sku);
      const again = asks && h("button", { on: { click: () => recount(sku) } }, t("s_count_again"));
      return h("li", { class: "line" }, h("div", { class: "grow" }, h("div", {}, nameOf(sku)), h("div", { class: "small" }, t("expected_counted", { a: () => quantity(expected), b: () => quantity(counted) }))), h("strong", { class: "number" }, `${delta > 0 ? "+" : "−"}${quantity(Math.abs(delta))}`), again);
    });
    fill(element, told,
      items === null ? notice("warn", t("s_review_offline"), h("p", {}, t("s_n_lines", { n: kept.value.length }))) : h("p", {}, t("s_differences", { n: differing.length, of: kept.value.length })),
      h("ul", { class: "list" }, rows), h("button", { class: "plain back", on: { click: draw } }, icon("back"), t("s_count_on")));
    frame.refresh();
  };
  /** Once: what is counted a second time is believed. */
  const recount = (sku) => {
    asked_again.add(sku);
    const line = kept.value.find((one) => one.sku === sku);
    put([...kept.value.filter((one) => one.sku !== sku), { ...line, counted: 0 }]);
    frame.say(t("s_count_again_of", { i: line.name }));
  };

  const done = (saying) => {
    kept.put([]);
    [unknown, asked_again] = [[], new Set()];
    fill(told, notice("ok", saying));
    draw();
  };
  /** A count that waited is booked by and by. */
  let waits = null;
  const sent = ({ detail }) => {
    if (detail.id === waits?.id && stage === "count") fill(told, notice("ok", t("s_counted", { n: waits.n })));
  };
  const refused = ({ detail }) => {
    if (detail.id === waits?.id && stage === "count") fill(told, notice("warn", t("s_was_refused")));
  };
  queue.addEventListener("sent", sent);
  queue.addEventListener("refused", refused);
  let is_booking = false;
  book.addEventListener("click", async () => {
    if (is_booking || kept.value.length === 0) return;
    is_booking = true;
    const end = says(book);
    try {
      const lines = kept.value;
      const entry = await queue.count(place, body(), { lines });
      const answered = link.is_offline ? { state: "queued" } : sender.outcome(entry.id, LATE_MS);
      sender.kick();
      const outcome = await frame.during(answered);
      if (outcome.state === "refused") {
        await queue.remove(entry.id);
        fill(told, problemView(outcome.error));
      } else {
        done(t(outcome.state === "sent" ? "s_counted" : "s_count_waits", { n: lines.length }));
        waits = outcome.state === "sent" ? null : { id: entry.id, n: lines.length };
      }
    } catch (error) {
      toast(String(error));
    } finally {
      is_booking = false;
      end();
    }
  });
  draw();
  return {
    element,
    scan: (typed) => (stage === "review" ? (draw(), scan(typed)) : scan(typed)),
    scanning: () => t("s_scan_count"),
    quantity(n) {
      const last = kept.value.at(-1);
      if (!last || stage !== "count") return false;
      set(last.sku, n);
      return true;
    },
    action: () => (stage === "review" ? book : review),
    primary: () => (stage === "review" ? book : review).click(),
    close,
    back: () => stage === "review" && (draw(), true),
    end() {
      queue.removeEventListener("sent", sent);
      queue.removeEventListener("refused", refused);
    },
  };
}
