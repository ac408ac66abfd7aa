// Files by drag and drop: the header tells the kind, so dropping is all that is to be done.

import { Refusal, get } from "/screens/api.js";
import { empty, fill, h, notice } from "/screens/elements.js";
import { moment, number } from "/screens/format.js";
import { problemView } from "/screens/problem.js";
import { t } from "/screens/texts.js";
import { reading } from "./reading.js";
import { kindOf } from "./parse.js";
import { KINDS, headerOf, upload } from "./upload.js";

const megabytes = (bytes) => number(bytes / 1e6, { style: "unit", unit: "megabyte", maximumFractionDigits: bytes < 1e7 ? 2 : 0 });

/** The errors of an import, and the file of its rejected rows. */
function errorsView({ errors, errors_left_out, rejects }, file, kind) {
  if (!errors?.length) return null;
  const save = () => {
    const address = URL.createObjectURL(new Blob([rejects], { type: "text/csv" }));
    h("a", { href: address, download: `rejected-${kind}-${file.name}` }).click();
    URL.revokeObjectURL(address);
  };
  return h("div", { class: "stack" },
    h("div", { class: "scrolls", tabindex: 0, role: "group", "aria-label": t("o_rejected") }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "number" }, t("o_line")), h("th", { scope: "col" }, t("o_field")), h("th", { scope: "col" }, t("o_reason")))),
      h("tbody", {}, errors.slice(0, 100).map(({ line, field, reason }) => h("tr", {}, h("td", { class: "number" }, line), h("td", {}, h("code", {}, field ?? "")), h("td", { lang: "en" }, reason)))))),
    errors_left_out + Math.max(errors.length - 100, 0) > 0 && h("p", {}, t("o_left_out", { n: errors_left_out + Math.max(errors.length - 100, 0) })),
    rejects && h("button", { on: { click: save } }, t("o_save_rejects")));
}

export function importsPanel() {
  const kinds = h("select", {}, h("option", { value: "" }, t("o_kind_auto")), KINDS.map((kind) => h("option", { value: kind }, kind)));
  const create = h("input", { type: "checkbox" });
  const atomic = h("input", { type: "checkbox" });
  const input = h("input", { type: "file", class: "visually-hidden", accept: ".csv,.tsv,.txt,.ndjson,text/csv", multiple: true });
  const target = h("label", { class: "drop" }, t("o_drop"), input);
  const done = h("div", { class: "stack" });
  const earlier = h("div");

  const load = async (file) => {
    const place = h("div", { class: "stack import" });
    done.prepend(place);
    const kind = kinds.value || kindOf(await headerOf(file));
    if (!kind) return fill(place, notice("bad", t("o_kind_unknown")));
    const bar = h("progress", { max: 1, value: 0, "aria-label": file.name });
    const words = h("p", { role: "status" }, file.name);
    fill(place, words, bar);
    const tell = ({ sent, all, rows }) => {
      if (rows !== undefined) return fill(words, t("o_reading", { file: file.name, n: () => number(rows) }));
      bar.value = all > 0 ? sent / all : 1;
      return fill(words, t("o_loading", { file: file.name, done: () => megabytes(sent), all: () => megabytes(all) }));
    };
    const options = { create: create.checked ? true : undefined, atomic: atomic.checked ? true : undefined };
    try {
      const answer = await upload(file, kind, options, tell);
      const n = (name) => () => number(answer[name]);
      fill(place, notice(answer.rejected > 0 ? "warn" : "ok", t("o_loaded", { file: file.name, a: n("accepted"), u: n("unchanged"), r: n("rejected") })), errorsView(answer, file, kind));
    } catch (error) {
      const rows = error instanceof Refusal && error.problem.errors ? errorsView({ errors_left_out: 0, ...error.problem }, file, kind) : null;
      fill(place, h("p", {}, file.name), problemView(error, { retry: () => { place.remove(); load(file); } }), rows);
    }
    return look();
  };

  const look = reading(earlier, async () => {
    const { items } = await get("/v1/imports", { limit: 20 });
    fill(earlier, items.length === 0 ? empty(t("o_no_earlier")) : h("div", { class: "scrolls", tabindex: 0, role: "group", "aria-label": t("o_earlier") }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("o_time")), h("th", { scope: "col" }, t("o_kind")), h("th", { scope: "col" }, t("o_state")), h("th", { scope: "col", class: "number" }, t("o_rows")), h("th", { scope: "col", class: "number" }, t("o_rejected")))),
      h("tbody", {}, items.map(({ received_at, kind, state, rows, rejected }) => h("tr", {}, h("td", {}, moment(received_at)), h("td", {}, kind), h("td", {}, ["receiving", "accepted", "refused"].includes(state) ? t(`is_${state}`) : state), h("td", { class: "number" }, number(rows)), h("td", { class: "number" }, number(rejected))))))));
  });

  // One file after another, in the order in which they were dropped: SKUs before their stock.
  const loadAll = async (files) => { for (const file of files) await load(file); };
  input.addEventListener("change", async () => { const files = [...input.files]; input.value = ""; await loadAll(files); });
  for (const [name, is_over] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
    target.addEventListener(name, (event) => { event.preventDefault(); target.classList.toggle("over", is_over); });
  }
  target.addEventListener("drop", ({ dataTransfer }) => loadAll([...dataTransfer.files]));
  look();
  return h("div", { class: "stack" }, target,
    h("div", { class: "row" }, h("label", {}, t("o_kind"), kinds), h("label", { class: "row" }, create, h("span", {}, t("o_create"))), h("label", { class: "row" }, atomic, h("span", {}, t("o_atomic")))),
    done, h("details", {}, h("summary", {}, t("o_earlier")), earlier));
}
