import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { Refusal, path, query, retryAfter } from "../../server/assets/screens/api.js";
import { amountOf, duration, money, quantity, setPlace } from "../../server/assets/screens/format.js";
import { remedies, sentences, titleOf } from "../../server/assets/screens/problem.js";
import { session } from "../../server/assets/screens/session.js";
import { Shown } from "../../server/assets/screens/shown.js";
import { speak, t, table } from "../../server/assets/screens/texts.js";
import { backoff, deliver, freeze } from "../../server/assets/screens/write.js";

const assets = new URL("../../server/assets/", import.meta.url);

test("every text has both languages with the same values", () => {
  const values = (text) => [...new Set([...text.matchAll(/\{(\w+)/g)].map(([, name]) => name))].sort();
  for (const [key, both] of Object.entries(table())) {
    assert.equal(both.length, 2, key);
    assert.ok(both.every((text) => text.trim()), key);
    assert.deepEqual(values(both[0]), values(both[1]), key);
  }
});

test("texts are told in the language of the moment, by number", () => {
  speak("en");
  const [one, two] = [t("offline", { n: 1 }), t("offline", { n: 2 })];
  assert.deepEqual([String(one), String(two)], ["Offline. 1 waits on this device", "Offline. 2 wait on this device"]);
  speak("es");
  assert.equal(String(two), "Sin conexión. 2 en espera en este dispositivo");
  speak("en");
  assert.throws(() => t("unheard_of"));
});

test("every text that a screen uses is there, and no screen writes HTML", () => {
  const known = new Set(Object.keys(table()));
  const sources = readdirSync(assets, { recursive: true }).filter((name) => /[\\/].*\.(js|html)$/.test(name)).map((name) => [name, readFileSync(new URL(name, assets), "utf8")]);
  for (const [, source] of sources) for (const [, key] of source.matchAll(/^\s*(\w+): \["/gm)) known.add(key);
  for (const [name, source] of sources) {
    for (const [, key] of source.matchAll(/\bt\("(\w+)"/g)) assert.ok(known.has(key), `${name}: ${key}`);
    for (const [, key] of source.matchAll(/data-(?:text|label)="(\w+)"/g)) assert.ok(known.has(key), `${name}: ${key}`);
    assert.ok(!/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/.test(source), name);
    assert.ok(!/https?:\/\/(?!www\.w3\.org\/2000\/svg)/.test(source.replace(/^\s*(\/\/|\*|\/\*).*$/gm, "")), `${name} names another host`);
  }
});

test("money and quantities are those of the store's country", () => {
  speak("es");
  setPlace({ timezone: "Europe/Madrid" });
  assert.equal(money(123450, "EUR").replace(/\s/g, " "), "1234,50 €");
  setPlace({ timezone: "America/Mexico_City" });
  assert.equal(money(123450, "MXN").replace(/\s/g, " "), "$1,234.50");
  speak("en");
  setPlace({ timezone: "Europe/Madrid" });
  assert.equal(quantity(1250, { decimals: 3, unit: "kg" }).replace(/[.,]/, "."), "1.250 kg");
  assert.deepEqual(["12", "12,5", "12.50", "0,05", "1.234", "x", ""].map((text) => amountOf(text, "EUR")), [1200, 1250, 1250, 5, null, null, null]);
  assert.equal(amountOf("12", "JPY"), 12);
  assert.deepEqual([5, 3700, 90_061].map(duration).map((text) => text.replace(/[^\d]+/g, " ").trim()), ["5", "1 1", "1 1"]);
});

test("addresses are encoded", () => {
  assert.equal(path`/v1/orders/${"#10/0 1"}/cancel`, "/v1/orders/%2310%2F0%201/cancel");
  assert.equal(query({ sku: ["A+B", "C"], after: null, none: undefined }), "?sku=A%2BB&sku=C");
  assert.equal(query({}), "");
  assert.deepEqual([retryAfter("7"), retryAfter(null), retryAfter("Thu, 01 Jan 1970 00:00:09 GMT", 2000), retryAfter("soon")], [7000, 0, 7000, 0]);
});

test("refusals are sentences with what would succeed", () => {
  setPlace({ country: "GB" });
  const short = { type: "/problems/insufficient-stock", lines: [{ sku: "A", location: "s1", requested: 5, available: 3, would_succeed: { quantity: 3, locations: [{ location: "s2", distance_km: 1.23 }] } }] };
  assert.deepEqual(sentences(short).map(String), ["A: 3 of 5 available"]);
  assert.deepEqual(remedies(short).map(({ label, would }) => [String(label), would]), [["Take 3", { quantity: 3 }], ["s2, 1.2 km", { location: "s2" }]]);
  assert.deepEqual(sentences({ type: "/problems/not-returnable", lines: [{ sku: "A", returnable: 1, reason: "quantity" }] }).map(String), ["A: only 1 can come back"]);
  assert.match(String(sentences({ type: "/problems/unbalanced", due: 4890, tendered: 4000 })[0]), /^Due .*48.90.*, told .*40.00/);
  assert.equal(String(titleOf(new Refusal(409, { type: "/problems/wrong-state" }))), "It has moved on meanwhile");
  assert.equal(titleOf(new Refusal(418, { title: "A new kind" })), "A new kind");
});

test("what is new waits, what is known changes in place", () => {
  const shown = new Shown(({ id }) => id, (one, other) => other.n - one.n);
  const ids = () => shown.rows.map(({ id, n }) => `${id}${n}`);
  shown.change([{ id: "a", n: 1 }, { id: "b", n: 2 }]);
  assert.deepEqual(ids(), ["b2", "a1"]);
  shown.change([{ id: "a", n: 9 }, { id: "c", n: 5 }]);
  assert.deepEqual([ids(), shown.waiting], [["b2", "a9"], 1]);
  shown.take();
  assert.deepEqual([ids(), shown.waiting], [["a9", "c5", "b2"], 0]);
  shown.change([], [{ id: "c" }]);
  assert.deepEqual(ids(), ["a9", "b2"]);
});

/** Answers of a server, one a request; returns what was asked. */
function server(answers) {
  const asked = [];
  globalThis.fetch = async (url, { method, headers = {}, body } = {}) => {
    asked.push({ url, method, body, key: headers["Idempotency-Key"], as: headers.Authorization });
    const [status, told = {}, more = {}] = answers.shift() ?? [200];
    if (status === 0) throw new TypeError("network");
    return new Response(JSON.stringify(told), { status, headers: { "Content-Type": "application/json", ...more } });
  };
  return asked;
}

test("a write is the same bytes under the same key until it is answered", async () => {
  const asked = server([[0], [503, {}, { "Retry-After": "0" }], [201, { order: "W" }]]);
  const write = freeze("POST", "/v1/orders", { order: "W" });
  assert.ok(Object.isFrozen(write));
  assert.deepEqual(JSON.parse(JSON.stringify(write)), write, "it may be kept");
  assert.deepEqual((await deliver(write)).body, { order: "W" });
  assert.equal(asked.length, 3);
  assert.equal(new Set(asked.map(({ key, body }) => key + body)).size, 1);
  server([[409, { type: "/problems/wrong-state" }]]);
  await assert.rejects(deliver(write), (error) => error.slug === "wrong-state");
});

test("a write goes on under another key only if nothing is unknown", async () => {
  Object.assign(session, { state: "open" });
  const write = freeze("POST", "/v1/orders", {});
  assert.equal("conditions" in write, false, "a write has conditions only if it names some");
  for (const [answers, is_done] of [[[[401], [201]], true], [[[0], [401], [201]], false]]) {
    server([...answers]);
    const tell = (state) => {
      if (state !== "key") return;
      // A person tells another key.
      const next = `k${Math.random()}`;
      const real = globalThis.fetch;
      globalThis.fetch = async () => new Response(JSON.stringify({ name: "n", scopes: [] }), { headers: { "Content-Type": "application/json" } });
      session.signIn(next).then(() => { globalThis.fetch = real; });
    };
    const sent = deliver(write, { tell });
    if (is_done) assert.equal((await sent).status, 201);
    else await assert.rejects(sent, (error) => error.status === 401 && error.is_unknown);
  }
});

test("tries are further and further apart, and heed Retry-After", () => {
  assert.deepEqual([1, 2, 3, 7, 20].map((attempt) => backoff(attempt, 0, 1)), [1000, 2000, 4000, 60_000, 60_000]);
  assert.ok(backoff(1, 0, 0) >= 750);
  assert.equal(backoff(1, 30_000, 1), 30_000);
});

test("colours keep their contrast over every surface, light and dark", () => {
  const css = readFileSync(new URL("screens/tokens.css", assets), "utf8");
  const tokens = (text) => Object.fromEntries([...text.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map(([, name, value]) => [name, value]));
  const light = tokens(css.slice(0, css.indexOf("prefers-color-scheme")));
  const dark = tokens(css.slice(css.indexOf("prefers-color-scheme"), css.indexOf("@media print")));
  const luminance = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const ratio = (one, other) => {
    const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  for (const scheme of [light, dark]) {
    const holds = (name, surface, least) => assert.ok(ratio(scheme[name], scheme[surface]) >= least, `${name} on ${surface}: ${ratio(scheme[name], scheme[surface])}`);
    for (const surface of ["surface", "surface-2", "surface-3"]) {
      for (const name of ["ink", "muted", "accent", "ok", "warn", "bad", "info", "focus"]) holds(name, surface, 4.5);
      for (const name of ["edge", "series-2", "series-3", "series-4"]) holds(name, surface, 3);
    }
    for (const name of ["ok", "warn", "bad"]) {
      holds(name, `${name}-tint`, 4.5);
      holds("ink", `${name}-tint`, 4.5);
    }
    holds("on-accent", "accent", 4.5);
  }
});
