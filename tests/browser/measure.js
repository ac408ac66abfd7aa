// How quick the screens are: figures, with a processor four times slower than this one's, or as much slower as the last
// argument says. Nothing here passes or fails.
//
//   node tests/browser/measure.js target/release/anaquel [paint,scan,scroll,arrival,heap] [minutes of heap] [times slower]
//
// The files of the screens are those on the disk.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Browser, front, pause, serve, until } from "./drive.js";

const [binary, wanted = "paint,scan,scroll,arrival,heap", minutes = "3", slower = "4"] = process.argv.slice(2);
const ROWS = 2000;
const SLOWER = Number(slower);
const SCANS = 30;
const SCROLL_MS = 5000;
const PAINTS = 5;
const ARRIVALS = 10;

const folder = await mkdtemp(join(tmpdir(), "anaquel-"));
const server = await serve(binary, join(folder, "data"));
const screens = await front(server.url);

async function ask(method, path, body, type = "application/json") {
  const answer = await fetch(server.url + path, {
    method, headers: { "Content-Type": type, "Idempotency-Key": Math.random().toString(36).slice(2) }, body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const told = await answer.json();
  if (!answer.ok || told.rejected > 0) throw new Error(`${method} ${path}: ${JSON.stringify(told).slice(0, 300)}`);
  return told;
}

const sku = (at) => `SKU-${String(at).padStart(4, "0")}`;
const range = (count, make) => Array.from({ length: count }, (_, at) => make(at));

async function stocked() {
  for (const channel of ["web", "pos"]) await ask("PUT", `/v1/channels/${channel}`, {});
  await ask("PUT", "/v1/locations/s1", { name: "Madrid, Gran Vía", kind: "store", timezone: "Europe/Madrid", latitude: 40.42, longitude: -3.7, pickup: true });
  await ask("POST", "/v1/import/skus", `sku,name\n${range(ROWS, (at) => `${sku(at)},"Shirt, number ${at}"\n`).join("")}`, "text/csv");
  await ask("POST", "/v1/import/stock", `sku,location,on_hand\n${range(ROWS, (at) => `${sku(at)},s1,${at + 50}\n`).join("")}`, "text/csv");
  for (let at = 0; at < ROWS; at += 200) await ask("PUT", "/v1/prices", { prices: range(200, (one) => ({ sku: sku(at + one), currency: "EUR", amount: 1995 })) });
}

const pickup = (id, at) => ask("POST", "/v1/orders", {
  order: id, channel: "web", currency: "EUR", confirm: true, pay_at_handover: true,
  fulfilments: [{ fulfilment: "f", purpose: "pickup", location: "s1", lines: [{ line: "1", sku: sku(at), quantity: 1 }] }],
});

async function together(count, work, at_once = 16) {
  let next = 0;
  await Promise.all(range(at_once, async () => { while (next < count) await work(next++); }));
}

const slowed = (browser, rate) => browser.devtools("Emulation.setCPUThrottlingRate", { rate });
const percentile = (numbers, part) => [...numbers].sort((one, other) => one - other)[Math.min(Math.floor(numbers.length * part), numbers.length - 1)];
const ms = (number) => `${Math.round(number)} ms`;

async function page(path, ready, { slower = SLOWER, size = [390, 844] } = {}) {
  const browser = await Browser.open();
  await browser.viewport(...size);
  await browser.visit(`${screens.url}${path}`);
  if (path.startsWith("/store")) {
    await browser.until("document.querySelector('main .list .tap button') !== null");
    await browser.click("main .list .tap button");
    await browser.until("document.querySelector('.code-field') !== null");
  }
  await browser.until(ready);
  await slowed(browser, slower);
  return browser;
}

/** From the address to the first painted content, and until the page can be used, nothing kept from before. */
async function paint() {
  const ready = {
    "/": "#running .panel", "/store": "main .list .tap", "/shop": ".shop .head a, .shop .empty", "/ops": ".charts .chart", "/live?location=s1&channel=web": ".cells [role=row]",
  };
  for (const [path, selector] of Object.entries(ready)) {
    const times = [];
    const usable = [];
    for (let at = 0; at < PAINTS; at++) {
      const browser = await Browser.open();
      await browser.viewport(390, 844);
      await slowed(browser, SLOWER);
      await browser.visit(`${screens.url}${path}`);
      times.push(await browser.until("performance.getEntriesByName('first-contentful-paint')[0]?.startTime"));
      usable.push(await browser.until(`document.querySelector(${JSON.stringify(selector)}) && performance.now()`));
      await browser.end();
    }
    console.log(`first paint ${path}: median ${ms(percentile(times, 0.5))}, slowest ${ms(Math.max(...times))} of ${PAINTS}; of use after ${ms(percentile(usable, 0.5))}`);
  }
}

/** From the last key of a scan to its line in the page. */
async function scan() {
  const browser = await page("/store", "document.querySelector('.bar .state')?.dataset.state === 'live'");
  const times = [];
  for (let at = 0; at < SCANS; at++) {
    await browser.until("performance.now() - (window.scannedAt ?? -1000) > 300");
    times.push(await browser.evaluate(`new Promise((done) => {
      const list = document.querySelector(".sell .lines");
      const watch = new MutationObserver(() => {
        if (!list.textContent.includes(${JSON.stringify(sku(at))})) return;
        watch.disconnect();
        requestAnimationFrame(() => done(performance.now() - window.scannedAt));
      });
      watch.observe(list, { subtree: true, childList: true, characterData: true });
      for (const key of [...${JSON.stringify(sku(at))}, "Enter"]) document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
      window.scannedAt = performance.now();
    })`));
  }
  console.log(`scan to line: median ${ms(percentile(times, 0.5))}, 95 % within ${ms(percentile(times, 0.95))} of ${SCANS}`);
  await browser.end();
}

/** Scrolls through a list, some pixels a frame, and tells the frames. */
const SCROLL = `new Promise((done) => {
  const began = performance.now();
  const frames = [];
  let before = began;
  let down = 1;
  const step = (now) => {
    frames.push(now - before);
    before = now;
    const most = document.documentElement.scrollHeight - innerHeight;
    if (scrollY >= most - 1) down = -1;
    if (scrollY <= 1) down = 1;
    scrollBy(0, 60 * down);
    if (now - began < ${SCROLL_MS}) requestAnimationFrame(step);
    else done(frames.slice(1));
  };
  requestAnimationFrame(step);
})`;

async function scrolled(name, browser, all) {
  // Everything that comes by scrolling is there, then from the top.
  await until(async () => {
    await browser.evaluate("scrollTo(0, document.documentElement.scrollHeight)");
    return browser.evaluate(all);
  }, all);
  await browser.evaluate("scrollTo(0, 0)");
  await pause(1000);
  const frames = await browser.evaluate(SCROLL);
  const time = frames.reduce((sum, frame) => sum + frame, 0);
  console.log(`${name}: ${(frames.length * 1000 / time).toFixed(1)} frames a second, 95 % within ${ms(percentile(frames, 0.95))}, longest ${ms(Math.max(...frames))}`);
}

async function scroll() {
  await together(ROWS, (at) => pickup(`W-${String(at).padStart(4, "0")}`, at));
  for (const size of [[390, 844], [1440, 900]]) {
    let browser = await page("/live?location=s1&channel=web", "document.querySelectorAll('.cells [role=row]').length > 50", { size });
    await scrolled(`/live, ${ROWS} rows, ${size[0]} px`, browser, `document.querySelectorAll('.cells [role=row]').length === ${ROWS}`);
    await browser.end();
    browser = await page("/store", "true", { size });
    await browser.click(".tab:nth-child(2)");
    await scrolled(`/store pick list, ${ROWS} orders, ${size[0]} px`, browser, `document.querySelectorAll('.pane:not(.side) .list .tap').length >= ${ROWS}`);
    // Changes while it is shown.
    const began = Date.now();
    const frames = browser.evaluate(SCROLL);
    let changes = 0;
    while (Date.now() - began < SCROLL_MS) {
      await pickup(`N-${size[0]}-${changes}`, changes++);
      await pause(100);
    }
    const times = await frames;
    console.log(`  the same with ${changes} new orders meanwhile: ${(times.length * 1000 / times.reduce((sum, one) => sum + one, 0)).toFixed(1)} frames a second, 95 % within ${ms(percentile(times, 0.95))}, longest ${ms(Math.max(...times))}`);
    await browser.end();
  }
}

/** From the answer to an order to its place in the list of the store. */
async function arrival() {
  const browser = await page("/store", "document.querySelector('.bar .state')?.dataset.state === 'live'", { slower: 1 });
  await browser.click(".tab:nth-child(2)");
  await browser.until("document.querySelector('.switch .count') !== null");
  const times = [];
  for (let at = 0; at < ARRIVALS; at++) {
    await pause(300);
    await browser.evaluate("(() => { const count = document.querySelector('.switch .count'); const before = count.textContent; window.seen = null; const watch = new MutationObserver(() => { if (count.textContent !== before) { window.seen = Date.now(); watch.disconnect(); } }); watch.observe(count, { subtree: true, childList: true, characterData: true }); })()");
    const { created_at } = await pickup(`A-${at}`, at);
    times.push((await browser.until("window.seen")) - Date.parse(created_at));
  }
  console.log(`an order in the list of its store: median ${ms(percentile(times, 0.5))}, slowest ${ms(Math.max(...times))} of ${ARRIVALS}`);
  await browser.end();
}

/** What is in use once everything that is free was freed. */
async function inUse(browser) {
  await browser.devtools("HeapProfiler.collectGarbage");
  const { usedSize } = await browser.devtools("Runtime.getHeapUsage");
  const { nodes, jsEventListeners } = await browser.devtools("Memory.getDOMCounters");
  return `${(usedSize / 1e6).toFixed(2)} MB, ${nodes} nodes, ${jsEventListeners} listeners`;
}

async function heap() {
  const pages = [
    ["/live", await page("/live?location=s1&channel=web", "document.querySelectorAll('.cells [role=row]').length > 50", { slower: 1 })],
    ["/store", await page("/store", "true", { slower: 1 })],
    ["/ops", await page("/ops", "document.querySelectorAll('.charts.first .chart path').length >= 4", { slower: 1, size: [1440, 900] })],
    ["/shop", await page(`/shop#/product/${sku(1)}`, "document.querySelector('[data-channel=web] .number') !== null", { slower: 1 })],
  ];
  await pages[1][1].click(".tab:nth-child(2)");
  let updates = 0;
  let is_over = false;
  // Levels that move, orders that come and go.
  const movements = (async () => {
    while (!is_over) {
      await ask("POST", "/v1/stock/movements", { movements: range(5, () => ({ kind: "receipt", sku: sku(Math.floor(Math.random() * 100)), location: "s1", quantity: 1 })) });
      updates += 5;
      await pause(20);
    }
  })();
  const orders = (async () => {
    for (let at = 0; !is_over; at++) {
      const { order } = await pickup(`H-${at}`, at % ROWS);
      await ask("POST", `/v1/orders/${order}/fulfilments/f/ready`, {});
      await ask("POST", `/v1/orders/${order}/cancel`, { channel: "web", reason: "over" });
      updates += 3;
      await pause(100);
    }
  })();
  const began = Date.now();
  const end = began + Number(minutes) * 60_000;
  await pause(10_000);
  while (Date.now() < end) {
    for (const [name, browser] of pages) console.log(`heap after ${Math.round((Date.now() - began) / 1000)} s, ${updates} updates: ${name} ${await inUse(browser)}`);
    await pause(Math.min(20_000, Math.max(end - Date.now(), 0)));
  }
  is_over = true;
  await Promise.all([movements, orders]);
  for (const [, browser] of pages) await browser.end();
}

const MEASURES = { paint, scan, arrival, heap, scroll };
try {
  await stocked();
  for (const [name, measure] of Object.entries(MEASURES)) if (wanted.split(",").includes(name)) await measure();
} finally {
  screens.kill();
  server.kill();
  await rm(folder, { recursive: true, force: true });
}
