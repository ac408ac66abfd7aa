// The log: filters, newest first, following live. While somebody is in the list, what is new waits.

import { get } from "/screens/api.js";
import { empty, fill, h, waiting } from "/screens/elements.js";
import { moment } from "/screens/format.js";
import { problemView } from "/screens/problem.js";
import { session } from "/screens/session.js";
import { t } from "/screens/texts.js";
import { seqAt } from "./parse.js";

const LAST = Number.MAX_SAFE_INTEGER;
const PAGE = 50;
const KEPT_MAX = 500;
const WAITS_SECONDS = 20;
const RETRY_MS = 2000;

/** What a record is about, in a few words of its own. */
function about(record) {
  const subject = record.order ?? record.transfer ?? record.return ?? record.reservation ?? record.import ?? record.rule ?? "";
  const items = record.items ?? [];
  const cells = [...new Set(items.map(({ sku, location }) => `${sku} @ ${location}`))];
  return [subject, ...cells.slice(0, 2), cells.length > 2 ? `+${cells.length - 2}` : ""].filter(Boolean).join(" · ");
}

function recordView(record) {
  const { seq, time, kind, cause } = record;
  const view = h("details", { class: "record", "data-seq": seq }, h("summary", {},
    h("span", { class: "number muted" }, seq), " ", h("time", { datetime: time }, moment(time)), " ", h("code", {}, kind), " ",
    h("span", {}, about(record)), cause?.actor && h("span", { class: "muted" }, ` · ${cause.actor}`)));
  view.addEventListener("toggle", () => { if (view.childElementCount === 1) view.append(h("pre", { tabindex: 0, "aria-label": t("o_record", { n: seq }) }, JSON.stringify(record, null, 2))); });
  return view;
}

export function logPanel() {
  const names = [["kind", "o_record_kind"], ["sku", "o_sku"], ["location", "place"], ["actor", "o_actor"]];
  const inputs = Object.fromEntries(names.map(([name, label]) => [name, h("input", { name, autocomplete: "off", spellcheck: "false", "aria-label": t(label) })]));
  const until = h("input", { type: "datetime-local", step: 1, name: "until" });
  const follows = h("input", { type: "checkbox", checked: true });
  const list = h("div", { class: "records" });
  const told = h("div");
  const fresh = h("button", { class: "fresh", hidden: true, on: { click: () => take() } });
  const older = h("button", { hidden: true, on: { click: () => page() } }, t("o_older"));
  const form = h("form", { class: "asked" }, names.map(([name, label]) => h("label", {}, t(label), inputs[name])), h("label", {}, t("o_before"), until), h("button", { class: "primary" }, t("o_show")));
  let filters = {};
  let turn = 0;
  let next = LAST;
  let last = 0;
  let held = [];

  const failed = (error, again) => { if (error.status !== 401) fill(told, problemView(error, { retry: again })); };
  const take = () => {
    list.querySelector(".empty")?.remove();
    list.prepend(...held.map(recordView).reverse());
    while (list.childElementCount > KEPT_MAX) list.lastElementChild.remove();
    held = [];
    fresh.hidden = true;
  };
  const page = async () => {
    const mine = turn;
    const { items, next: after } = await get("/v1/events", { ...filters, before: next, limit: PAGE });
    if (mine !== turn) return;
    list.append(...items.map(recordView));
    next = after;
    older.hidden = !after;
    last = Math.max(last, items[0]?.seq ?? 0);
  };
  /** Waits for what comes, as long as nothing else is asked for. */
  const follow = async (mine) => {
    while (mine === turn) {
      try {
        const { items } = await get("/v1/events", { ...filters, after: last, limit: PAGE, wait: WAITS_SECONDS });
        if (mine !== turn) return;
        fill(told);
        last = items.at(-1)?.seq ?? last;
        held = [...held, ...items].slice(-KEPT_MAX);
        if (follows.checked && !list.matches(":hover, :focus-within")) take();
        fresh.hidden = held.length === 0;
        fill(fresh, t("new_waiting", { n: held.length }));
      } catch (error) {
        if (mine !== turn) return;
        failed(error);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        await session.works();
      }
    }
  };
  const show = async () => {
    const mine = ++turn;
    filters = Object.fromEntries(names.map(([name]) => [name, inputs[name].value.trim()]).filter(([, value]) => value));
    if (filters.kind) filters.kind = filters.kind.split(/[\s,]+/);
    held = [];
    next = LAST;
    last = 0;
    fresh.hidden = true;
    fill(told);
    const arrived = waiting(list, 6);
    try {
      const newest = (await get("/v1/events", { before: LAST, limit: 1 })).items[0]?.seq ?? 0;
      if (until.value) next = (await seqAt(new Date(until.value).getTime(), (values) => get("/v1/events", values))) + 1;
      arrived();
      if (mine !== turn) return;
      fill(list);
      await page();
      last = Math.max(last, newest);
      if (list.childElementCount === 0) fill(list, empty(t("o_log_empty")));
      if (!until.value) follow(mine);
    } catch (error) {
      arrived();
      fill(list);
      failed(error, show);
      if (error.status === 401) session.works().then(() => { if (mine === turn) show(); });
      else if (error.status === undefined || error.is_passing) setTimeout(() => { if (mine === turn) show(); }, RETRY_MS);
    }
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); show(); });
  const panel = h("div", { class: "stack" }, form, h("div", { class: "row" }, h("label", { class: "row" }, follows, h("span", {}, t("o_follow"))), fresh), told, list, older);
  /** Shows the log as it was at a moment. */
  panel.showAt = (time) => {
    const local = new Date(time - new Date(time).getTimezoneOffset() * 60_000);
    until.value = local.toISOString().slice(0, 19);
    return show();
  };
  show();
  return panel;
}
