// Charts as SVG: one quantity each, its unit in the title, a time axis that all share, from zero. Gaps stay gaps; every
// chart has its numbers as a table. Colours come from the tokens, so a chart is readable in the dark and on paper.

import { fill, h } from "/screens/elements.js";
import { clock, moment, number } from "/screens/format.js";
import { t } from "/screens/texts.js";
import { line, roundUp, thinned } from "./plot.js";
import "./texts.js";

const WIDTH = 320;
const HEIGHT = 120;
const LEFT = 40;
const RIGHT = 34;
const TOP = 8;
const BOTTOM = 20;
const POINTS = 120;
const ROWS = 20;
const LABEL = 12;

/** A number beside the title is of the last moments, or there is none. */
const NOW_MS = 30_000;

function svg(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const shown = (value) => number(value, { maximumFractionDigits: value < 10 ? 2 : value < 100 ? 1 : 0, notation: value >= 100_000 ? "compact" : "standard" });

/**
 * A chart: `title` with its unit, `series` as `[{name, read}]`, where `read(sample)` is a value or null. `onpick(time)`
 * hears which moment somebody wants to know more of. `draw(samples, from, to)` shows samples `{at, …}`.
 */
export function chart({ title, series, onpick }) {
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", preserveAspectRatio: "none" });
  const now = h("strong", { class: "number live-number" }, "–");
  const numbers = h("div", { class: "scrolls", tabindex: 0, role: "group", "aria-label": title });
  const more = h("details", { class: "small" }, h("summary", {}, t("numbers")), numbers);
  const place = h("figure", { class: "chart panel" }, h("figcaption", { class: "row spread" }, h("h2", {}, title), now), picture, more);
  let last = null;
  const table = () => {
    if (!more.open || !last) return;
    const { samples, from, to } = last;
    const read = series.map(({ read }) => thinned(samples.map((sample) => [sample.at, read(sample)]), from, to, ROWS));
    const rows = read[0].map(([time], at) => ({ time, values: read.map((one) => one[at][1]) })).reverse();
    fill(numbers, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("o_time")), series.map(({ name }) => h("th", { scope: "col", class: "number" }, name)))),
      h("tbody", {}, rows.map(({ time, values }) => h("tr", {},
        h("th", { scope: "row" }, h("button", { class: "plain", "aria-label": t("o_log_then", { t: () => moment(time) }), on: { click: () => onpick(time) } }, clock(time))),
        values.map((value) => h("td", { class: "number" }, value === null ? "–" : shown(value))))))));
  };
  more.addEventListener("toggle", table);
  picture.addEventListener("click", ({ clientX }) => {
    if (!last) return;
    const box = picture.getBoundingClientRect();
    const share = (((clientX - box.left) / box.width) * WIDTH - LEFT) / (WIDTH - LEFT - RIGHT);
    onpick(last.from + Math.min(Math.max(share, 0), 1) * (last.to - last.from));
  });
  place.draw = (samples, from, to) => {
    last = { samples, from, to };
    const lines = series.map(({ name, read }) => ({ name, points: thinned(samples.map((sample) => [sample.at, read(sample)]), from, to, Math.min(POINTS, Math.round((to - from) / 1000))) }));
    const values = lines.flatMap(({ points }) => points.map(([, value]) => value)).filter((value) => value !== null);
    const top = roundUp(Math.max(0, ...values));
    const x = (time) => LEFT + ((time - from) / (to - from)) * (WIDTH - LEFT - RIGHT);
    const y = (value) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
    const words = (at, height, text, anchor) => { const word = svg("text", { x: at, y: height, "text-anchor": anchor, class: "axis" }); word.textContent = text; return word; };
    const grid = [0, top / 2, top].flatMap((value) => [svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value), class: "grid" }), words(LEFT - 4, y(value) + 3, shown(value), "end")]);
    const ends = values.length === 0 ? [words(WIDTH / 2, HEIGHT / 2, String(t("o_no_values")), "middle")] : [];
    const latest_of = (points) => [...points].reverse().find(([, value]) => value !== null);
    // Labels of lines that end close together stand below each other, the highest first.
    const heights = new Map();
    let lowest = -Infinity;
    for (const { name, points } of [...lines].filter(({ points }) => latest_of(points)).sort((one, other) => latest_of(other.points)[1] - latest_of(one.points)[1])) {
      lowest = Math.max(y(latest_of(points)[1]) + 3, lowest + LABEL);
      heights.set(name, lowest);
    }
    const drawn = lines.flatMap(({ name, points }, nth) => {
      const label = heights.has(name) && lines.length > 1 ? [words(WIDTH - RIGHT + 3, heights.get(name), String(name), "start")] : [];
      return [svg("path", { d: line(points, x, y), class: `line line-${nth + 1}` }), ...label];
    });
    picture.replaceChildren(...grid, words(LEFT, HEIGHT - 5, clock(from), "start"), words(WIDTH - RIGHT, HEIGHT - 5, clock(to), "end"), ...drawn, ...ends);
    const latest = series.map(({ read }) => [...samples].reverse().filter(({ at }) => at > to - NOW_MS).map(read).find((value) => value !== null && value !== undefined)).map((value) => (value === undefined ? "–" : shown(value)));
    const told = series.length > 1 ? `${series.at(-1).name} ${latest.at(-1)}` : latest.at(-1);
    now.textContent = told;
    picture.setAttribute("aria-label", String(t("o_chart", { title: () => String(title), now: told })));
    table();
  };
  return place;
}
