// What answers and files say, as plain data. Pure.

/** The values of a Prometheus text, by name with labels. */
export function counters(text) {
  const lines = text.split("\n").filter((line) => line && !line.startsWith("#"));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]));
}

/** The problems that were sent, most first: `[[type, count]]`. */
export function problems(counters) {
  const found = [...counters].map(([name, count]) => [/^anaquel_problems_total\{type="([^"]+)"\}$/.exec(name)?.[1], count]);
  return found.filter(([type, count]) => type && count > 0).sort(([, one], [, other]) => other - one);
}

/** Lost demand of records, the most units first. */
export function tallied(records) {
  const rows = new Map();
  for (const { sku, location, group, channel, requests, units } of records.flatMap(({ lost }) => lost ?? [])) {
    const key = [sku, location ?? group, channel].join("\n");
    const row = rows.get(key) ?? { key, sku, location, group, channel, requests: 0, units: 0 };
    rows.set(key, Object.assign(row, { requests: row.requests + requests, units: row.units + units }));
  }
  return [...rows.values()].sort((one, other) => other.units - one.units);
}

/** A kind of file, and a column that only this kind has; the first that fits. */
const SIGNS = [
  ["rules", ["rule", "kind"]], ["sales", ["order", "occurred_at"]], ["supply", ["supply"]], ["stock", ["sku", "location", "on_hand"]],
  ["prices", ["sku", "amount"]], ["groups", ["group"]], ["locations", ["location"]], ["channels", ["channel"]], ["skus", ["sku"]],
];

/** The kind that a header line tells; null if it tells none. */
export function kindOf(header) {
  const columns = header.replace(/^\ufeff/, "").split(/[,;\t|]/).map((name) => name.trim().replace(/^"|"$/g, "").toLowerCase());
  return SIGNS.find(([, needed]) => needed.every((name) => columns.includes(name)))?.[0] ?? null;
}

/** The `seq` of the last record at or before a moment, by halving: the log is in the order of time. */
export async function seqAt(time, read) {
  let low = 0;
  const [newest] = (await read({ before: Number.MAX_SAFE_INTEGER, limit: 1 })).items;
  if (!newest || Date.parse(newest.time) <= time) return newest?.seq ?? 0;
  let high = newest.seq;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    // What the log no longer has was before.
    const [found] = (await read({ after: middle - 1, limit: 1 }).catch(() => ({ items: [] }))).items;
    if (found && Date.parse(found.time) > time) high = middle;
    else low = middle;
  }
  return low;
}

const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());

/** Headings, paragraphs and tables of a Markdown text: `[{kind, text}]`, `[{kind: "table", head, rows}]`. */
export function blocks(text) {
  const found = [];
  for (const line of text.split("\n")) {
    const last = found.at(-1);
    if (line.startsWith("#")) found.push({ kind: "heading", text: line.replace(/^#+\s*/, "") });
    else if (line.startsWith("|")) {
      if (last?.kind !== "table") found.push({ kind: "table", head: cells(line), rows: [] });
      else if (!/^\|[\s:|-]+$/.test(line)) last.rows.push(cells(line));
    } else if (line.trim()) found.push({ kind: "text", text: line.trim() });
    else found.push({ kind: "gap" });
  }
  return found.filter(({ kind }) => kind !== "gap");
}
