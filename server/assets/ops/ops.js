// Operations: the sentence first, then four charts, then everything else, folded on a phone.

import { fill, h, notice } from "/screens/elements.js";
import { day, duration, moment, number } from "/screens/format.js";
import { problemView } from "/screens/problem.js";
import { session } from "/screens/session.js";
import { shell } from "/screens/shell.js";
import { locations } from "/screens/names.js";
import { t } from "/screens/texts.js";
import "./texts.js";
import { backupPanel } from "./backup.js";
import { benchmarksPanel } from "./benchmarks.js";
import { chart } from "./chart.js";
import { factsPanel } from "./facts.js";
import { importsPanel } from "./imports.js";
import { keysPanel } from "./keys.js";
import { logPanel } from "./log.js";
import { measures } from "./measures.js";
import { refusedPanel } from "./refused.js";
import { rulesPanel } from "./rules.js";
import { sentence } from "./sentence.js";
import { shortagesPanel } from "./shortages.js";

const at = (id) => document.getElementById(id);
const SPANS = [5, 15, 60];
const MINUTE_MS = 60_000;

const one = (name, read) => [{ name: t(name), read }];
const FIRST = [
  ["o_writes", one("o_writes", ({ writes }) => writes)],
  ["o_latency", [{ name: "p50", read: ({ p50_ms }) => p50_ms }, { name: "p99", read: ({ p99_ms }) => p99_ms }]],
  ["o_refusals", one("o_refusals", ({ refusals }) => refusals)],
  ["o_disk", one("o_disk", ({ disk_free_bytes }) => disk_free_bytes / 1e9)],
];
const MORE = [
  ["o_requests", one("o_requests", ({ requests }) => requests)],
  ["o_journal", one("o_journal", ({ flush_p99_ms }) => flush_p99_ms)],
  ["o_memory", one("o_memory", ({ memory_bytes }) => memory_bytes / 1e6)],
  ["o_streams", one("o_streams", ({ streams }) => streams)],
  ["o_holds", one("o_holds", ({ holds }) => holds)],
  ["o_short", one("o_short", ({ shortages }) => shortages)],
];

/** Small panels stand in columns at a desk, wide ones below them. */
const SMALL = [
  ["shortages", "o_shortages", shortagesPanel], ["refused", "o_refused", refusedPanel], ["imports", "o_imports", importsPanel],
  ["backup", "o_backup", backupPanel], ["facts", "o_facts", factsPanel],
];
const WIDE = [["keys", "o_keys", keysPanel], ["rules", "o_rules", rulesPanel], ["log", "o_log", logPanel], ["benchmarks", "o_bench", benchmarksPanel]];

/** The first line, in the reader's language. */
function tellSentence() {
  const [kind, key, values] = sentence(measures);
  const since = () => (values.since ? String(t("o_since", { t: () => moment(values.since) })) : "");
  const told = {
    ...values, since, up: () => duration(values.up ?? 0), w: typeof values.w === "number" ? () => number(values.w, { maximumFractionDigits: values.w < 10 ? 1 : 0 }) : values.w,
    p: () => number(values.p ?? 0, { maximumFractionDigits: 1 }), d: () => day(Date.now() + (values.d ?? 0) * 1000),
  };
  const line = t(key, told);
  if (at("sentence").told === `${kind}${line}`) return;
  at("sentence").told = `${kind}${line}`;
  fill(at("sentence"), notice(kind, h("h1", {}, line)), measures.refused && problemView(measures.refused));
}

let log = null;

/** From a moment of a chart to the log of then. */
async function logAt(time) {
  const panel = document.querySelector("[data-panel=log]");
  panel.open = true;
  await log?.showAt(time);
  panel.scrollIntoView({ block: "start" });
  panel.querySelector("summary").focus();
}

function charts() {
  let minutes = SPANS[0];
  const make = ([title, series]) => chart({ title: t(title), series, onpick: logAt });
  const first = FIRST.map(make);
  const more = MORE.map(make);
  const choice = h("select", { on: { change: () => { minutes = Number(choice.value); draw(); } } }, SPANS.map((span) => h("option", { value: span }, t(`o_span_${span}`))));
  const draw = () => {
    const to = measures.samples.at(-1)?.at ?? Date.now();
    const from = to - minutes * MINUTE_MS;
    const shown = measures.samples.filter(({ at }) => at >= from);
    for (const one of [...first, ...(folded.open ? more : [])]) one.draw(shown, from, to);
  };
  const folded = h("details", { open: is_desk, on: { toggle: draw } }, h("summary", {}, h("h2", {}, t("o_more_charts"))), h("div", { class: "charts" }, more));
  fill(at("charts"), h("label", { class: "span" }, t("o_span"), choice), h("div", { class: "charts first" }, first), folded);
  measures.addEventListener("change", draw);
  addEventListener("language", draw);
  draw();
}

const is_desk = matchMedia("(min-width: 1000px)").matches;

/** A panel is made when it is opened first: what nobody looks at asks for nothing. */
function panel([name, title, make]) {
  const body = h("div", { class: "body" });
  const opened = () => {
    if (!folded.open || body.childElementCount > 0) return;
    const made = make();
    if (name === "log") log = made;
    fill(body, made);
  };
  const folded = h("details", { class: "panel", "data-panel": name, on: { toggle: opened } }, h("summary", {}, h("h2", {}, t(title))), body);
  folded.open = is_desk && name !== "benchmarks";
  return folded;
}

function start() {
  if (at("panels").childElementCount > 0 || !["known", "open"].includes(session.state)) return;
  charts();
  fill(at("panels"), h("div", { class: "columns" }, SMALL.map(panel)), WIDE.map(panel));
  locations().catch(() => {});
}

measures.addEventListener("change", tellSentence);
addEventListener("language", () => { at("sentence").told = null; tellSentence(); });
session.addEventListener("change", start);
tellSentence();
measures.start();
await shell();
start();
