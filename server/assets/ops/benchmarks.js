// The published measurements, read when somebody opens them: the tables of a Markdown file that the server carries.

import { fill, h, waiting } from "/screens/elements.js";
import { get } from "/screens/api.js";
import { t } from "/screens/texts.js";
import { blocks } from "./parse.js";
import { reading } from "./reading.js";

/** A text with its `code` and its links, which are told as words. */
const inline = (text) => text.replace(/\[([^\]]+)\]\([^)]*\)/g, "$1").split("`").map((part, at) => (at % 2 ? h("code", {}, part) : part));

const view = {
  heading: ({ text }) => h("h3", {}, text),
  text: ({ text }) => h("p", { class: "small" }, inline(text)),
  table: ({ head, rows }) => h("div", { class: "scrolls", tabindex: 0, role: "group", "aria-label": head[0] || "table" }, h("table", { class: "small" },
    h("thead", {}, h("tr", {}, head.map((cell) => h("th", { scope: "col" }, inline(cell))))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, inline(cell)))))))),
};

export function benchmarksPanel() {
  const place = h("div", { class: "stack", lang: "en" });
  const arrived = waiting(place, 4);
  reading(place, async () => {
    const text = await get("/ops/results.md").finally(arrived);
    fill(place, blocks(text).slice(1).map((block) => view[block.kind](block)));
  })();
  return h("div", { class: "stack" }, h("p", { class: "small muted" }, t("o_bench_what")), place);
}
