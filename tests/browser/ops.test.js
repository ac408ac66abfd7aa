import assert from "node:assert/strict";
import { test } from "node:test";
import { blocks, counters, kindOf, problems, seqAt, tallied } from "../../server/assets/ops/parse.js";
import { line, roundUp, thinned } from "../../server/assets/ops/plot.js";
import { applies, bodyOf, effect } from "../../server/assets/ops/rule.js";
import { sentence } from "../../server/assets/ops/sentence.js";

const ready = { state: "ready", warnings: [], expiry_frozen: false, since: null };
const read_only = { state: "read_only", warnings: [], since: "2027-01-01T03:12:00Z", reason: "the write failed: input/output error" };
const second = (writes, p99_ms) => ({ writes, p99_ms });

test("the first line says the worst", () => {
  const kinds = [
    [{ ready: null }, ["", "o_asking"]],
    [{ ready: { ...read_only, state: "silent" } }, ["bad", "o_silent"]],
    [{ ready: read_only }, ["bad", "o_read_only"]],
    [{ ready: read_only, info: { journal: { health: "full" } } }, ["bad", "o_full"]],
    [{ ready: { ...read_only, reason: "less than 64 MiB of disk space are free" } }, ["bad", "o_full"]],
    [{ ready: { ...ready, expiry_frozen: true } }, ["warn", "o_frozen"]],
    [{ ready: { ...ready, warnings: [{ warning: "clock-offset", detail: "late" }] } }, ["warn", "o_warned"]],
    [{ ready, info: { disk: { full_in_seconds: 86_400 } } }, ["warn", "o_fills"]],
    [{ ready, info: { disk: { full_in_seconds: null }, uptime_seconds: 5 }, samples: [second(0, null)] }, ["ok", "o_idle"]],
    [{ ready: { ...ready, role: "replica", follows: "http://a", lag_ms: 12 }, samples: [second(10, 2)] }, ["ok", "o_replica"]],
    [{ ready: { ...ready, role: "replica", warnings: [{ warning: "not-following", detail: "401" }] } }, ["warn", "o_warned"]],
    [{ ready: { ...ready, role: "primary" }, samples: [second(0, null)] }, ["ok", "o_idle"]],
    [{ ready, samples: [second(10, 2), second(20, 7.5), second(30, null)] }, ["ok", "o_well"]],
  ];
  for (const [told, [kind, key]] of kinds) assert.deepEqual(sentence({ info: null, samples: [], ...told }).slice(0, 2), [kind, key]);
  assert.deepEqual(sentence(...[{ ready, info: null, samples: [second(10, 2), second(20, 7.5), second(30, null)] }])[2], { w: 20, p: 7.5, up: 0 });
  assert.equal(sentence({ ready: read_only, info: null, samples: [] })[2].since, read_only.since);
});

test("a chart begins at zero, keeps its peaks, and its gaps stay gaps", () => {
  assert.deepEqual([0, 0.3, 1, 1.1, 20, 21, 99, 100, 101].map(roundUp), [1, 0.5, 1, 2, 20, 50, 100, 100, 200]);
  const values = [[0, 1], [1000, 9], [2000, null], [5000, 3], [9000, 2], [99_000, 5]];
  assert.deepEqual(thinned(values, 0, 10_000, 5).map(([, value]) => value), [9, null, 3, null, 2]);
  assert.deepEqual(thinned([], 0, 1000, 2), [[250, null], [750, null]]);
  assert.equal(line([[0, 1], [1, 2], [2, null], [3, 4]], (time) => time * 10, (value) => value), "M0.0 1.0h0L10.0 2.0M30.0 4.0h0");
});

test("counters and problems are read from the metrics", () => {
  const read = counters("# HELP a b\na 1\nanaquel_problems_total{type=\"gone\"} 2\nanaquel_problems_total{type=\"insufficient-stock\"} 7\nanaquel_problems_total{type=\"internal\"} 0\n");
  assert.equal(read.get("a"), 1);
  assert.deepEqual(problems(read), [["insufficient-stock", 7], ["gone", 2]]);
});

test("lost demand is summed by item, place and channel", () => {
  const lost = (sku, units) => ({ sku, location: "s1", channel: "web", requests: 1, units });
  const rows = tallied([{ lost: [lost("A", 2), lost("B", 9)] }, { lost: [lost("A", 3)] }, { kind: "other" }]);
  assert.deepEqual(rows.map(({ sku, units, requests }) => [sku, units, requests]), [["B", 9, 1], ["A", 5, 2]]);
});

test("a header tells the kind of a file", () => {
  const kinds = [
    ["sku,location,on_hand", "stock"], ["\ufeff\"SKU\";\"Name\";\"gtin\"", "skus"], ["sku,currency,amount", "prices"], ["location,name,kind", "locations"],
    ["rule,kind,units", "rules"], ["group,locations", "groups"], ["order,line,occurred_at,sku", "sales"], ["one,two", null], ["", null],
  ];
  for (const [header, kind] of kinds) assert.equal(kindOf(header), kind, header);
});

test("the record of a moment is found by halving", async () => {
  const log = Array.from({ length: 100 }, (_, at) => ({ seq: at + 1, time: new Date(at * 1000).toISOString() }));
  const kept = log.slice(30);
  const read = async ({ after, before, limit }) => {
    if (after !== undefined && after < 30) throw new Error("gone");
    return { items: (before ? [...kept].reverse() : kept.filter(({ seq }) => seq > after)).slice(0, limit) };
  };
  for (const [time, seq] of [[50_000, 51], [50_999, 51], [99_000, 100], [500_000, 100], [29_000, 30]]) assert.equal(await seqAt(time, read), seq, `${time}`);
  assert.equal(await seqAt(0, async () => ({ items: [] })), 0);
});

test("a rule is what was typed, and wrong numbers are named", () => {
  const { body, wrong } = bodyOf("safety_stock", { units: " 2 ", percent: "", channels: "web, app ,", locations: "", ends_at: "2027-01-01T00:00:00Z" });
  assert.deepEqual([body, wrong], [{ kind: "safety_stock", channels: ["web", "app"], ends_at: "2027-01-01T00:00:00Z", units: 2 }, []]);
  assert.deepEqual(bodyOf("backorder", { units: "-1", lead_days: "x" }).wrong, ["units", "lead_days"]);
  assert.deepEqual(bodyOf("access", { allow: false }).body, { kind: "access", allow: false });
  assert.equal(effect({ kind: "safety_stock", units: 2, percent: null }), "units 2");
  assert.equal(applies({ channels: ["web"], skus: [], ends_at: null }), "channels: web");
});

test("the tables of a Markdown text are read", () => {
  const read = blocks("# Title\n\nText `a`\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n## Next\n");
  assert.deepEqual(read, [{ kind: "heading", text: "Title" }, { kind: "text", text: "Text `a`" }, { kind: "table", head: ["a", "b"], rows: [["1", "2"]] }, { kind: "heading", text: "Next" }]);
});
