// Pictures of every page and state, on a phone and at a desk, light and dark, in English and in Spanish: for people who look.
// The server has the demonstration's data and what this script adds; the files of the screens are those on the disk.
//
//   node tests/browser/pictures.js target/debug/anaquel target/pictures [store,shop,en-390-dark]
//
// The last argument names the pages and the looks that are wanted; without it all are.

import { mkdtemp, mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Browser, SIZES, front, pause, serve } from "./drive.js";

const [binary, into, names = ""] = process.argv.slice(2);
const PLACE = "es-001";
const SKU = "TSHIRT-RED-M";

const folder = await mkdtemp(join(tmpdir(), "anaquel-"));
await mkdir(into, { recursive: true });
const server = await serve(binary, join(folder, "data"), ["--demo"]);
const screens = await front(server.url);

async function ask(method, path, body) {
  const answer = await fetch(server.url + path, {
    method, headers: { "Content-Type": "application/json", "Idempotency-Key": Math.random().toString(36).slice(2) }, body: body && JSON.stringify(body),
  });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(`${method} ${path}: ${JSON.stringify(told)}`);
  return told;
}

const order = (id, lines, more = {}) => ask("POST", "/v1/orders", {
  order: id, channel: "web", currency: "EUR", confirm: true, pay_at_handover: true,
  fulfilments: [{ fulfilment: "f", purpose: "pickup", location: PLACE, lines }], ...more,
});

/** What the pages need to have something to show. */
async function prepare() {
  const skus = (await ask("GET", "/v1/skus?limit=8")).items.map(({ sku }) => sku).filter((sku) => sku !== SKU);
  await ask("POST", "/v1/stock/movements", { movements: [...skus, SKU].map((sku) => ({ kind: "receipt", sku, location: PLACE, quantity: 12 })) });
  await order("WEB-10231", [{ line: "1", sku: SKU, quantity: 2 }, { line: "2", sku: skus[0], quantity: 1 }]);
  await order("WEB-10232", [{ line: "1", sku: skus[1], quantity: 1 }]);
  const ready = await order("WEB-10229", [{ line: "1", sku: skus[2], quantity: 1 }]);
  await ask("POST", `/v1/orders/${ready.order}/fulfilments/f/ready`, {});
  await ask("POST", "/v1/transfers", { transfer: "T-4711", from: "es-002", to: PLACE, reason: "rebalance", ready: true, lines: [{ sku: await stockedAt("es-002"), quantity: 3 }] });
  await ask("POST", "/v1/transfers/T-4711/ship", {});
  await ask("PUT", "/v1/rules/keep-two", { kind: "safety_stock", units: 2 });
  const { gtin } = await ask("GET", `/v1/skus/${SKU}`);
  return { skus, gtin, code: (await ask("GET", `/v1/orders/${ready.order}`)).fulfilments[0].pickup_code };
}

async function stockedAt(place) {
  const { items } = await ask("GET", `/v1/stock?location=${place}&limit=50`);
  return items.find(({ on_hand, reserved }) => on_hand - reserved >= 4).sku;
}

const { skus, gtin, code } = await prepare();

/** The states: `[name, function that leads there]`, one after another in one page. */
const more = (at) => async (browser) => {
  await browser.keys("\uE00C");
  await browser.click(".tab:nth-child(4)");
  await browser.until("document.querySelectorAll('.pane:not(.side) .tap > button').length > 6");
  await browser.evaluate(`document.querySelectorAll(".pane:not(.side) .tap > button")[${at}].click()`);
  await browser.until("document.querySelector('.side h2') !== null");
  await pause(400);
};
const PAGES = {
  home: [["home", async (browser, url) => { await browser.visit(`${url}/`); await browser.until("document.querySelector('#running .panel') !== null"); }]],
  problems: [
    ["problem", (browser) => browser.visit(`${server.url}/problems/insufficient-stock`)],
    ["problems", (browser) => browser.visit(`${server.url}/problems`)],
  ],
  live: [
    ["live-choose", async (browser, url) => { await browser.visit(`${url}/live`); await browser.until("document.querySelector('.empty') !== null"); }],
    ["live", async (browser, url) => { await browser.visit(`${url}/live?location=${PLACE}&channel=web`); await browser.until("document.querySelectorAll('.cells [role=row]').length > 5"); await pause(500); }],
  ],
  store: [
    ["store-choose", async (browser, url) => { await browser.visit(`${url}/store`); await browser.until("document.querySelector('main .list .tap') !== null"); }],
    ["store-sell-empty", async (browser) => { await browser.evaluate("[...document.querySelectorAll('main .list .tap button')].find((one) => one.textContent.includes('es-001')).click()"); await browser.until("document.querySelector('.code-field') !== null"); await browser.until("document.querySelector('.bar .state')?.dataset.state === 'live'"); }],
    ["store-sell", async (browser) => { await browser.scan(gtin); await browser.until("document.querySelectorAll('.sell .line').length === 1"); for (const sku of skus.slice(0, 2)) await browser.scan(sku); await browser.until("document.querySelectorAll('.sell .line').length === 3"); await pause(1200); }],
    ["store-unknown", async (browser) => { await browser.scan("9999999999"); await browser.until("document.querySelector('.said .notice') !== null"); }],
    ["store-pay", async (browser) => { await browser.keys("\uE039"); await browser.until("document.querySelector('.tenders') !== null"); }],
    ["store-receipt", async (browser) => { await browser.type(".given input", "200"); await browser.until("document.querySelector('.given [role=status]').textContent !== ''"); await browser.keys("\uE007"); await browser.click(".given button"); await browser.until("document.querySelector('.receipt') !== null"); await pause(800); }],
    ["store-pick", async (browser) => { await browser.click(".tab:nth-child(2)"); await browser.reads("WEB-10232"); }],
    ["store-pick-order", async (browser) => { await browser.tap("WEB-10231"); await browser.until("document.querySelector('.side h2') !== null"); await browser.scan(gtin); await browser.reads("1 / 2"); await pause(1200); }],
    ["store-short", async (browser) => { await browser.click(".lacks"); await browser.until("document.querySelector('.side form.panel') !== null"); await pause(300); }],
    ["store-hand-over", async (browser) => { await browser.keys("\uE00C"); await browser.scan(code); await browser.until("document.querySelector('.side .sum') !== null"); }],
    ["store-find-empty", async (browser) => { await browser.keys("\uE00C"); await browser.click(".tab:nth-child(3)"); await pause(300); }],
    ["store-find", async (browser) => { await browser.scan(gtin); await browser.until("document.querySelector('.view h2') !== null"); await pause(800); }],
    ["store-more", async (browser) => { await browser.click(".tab:nth-child(4)"); await pause(300); }],
    ["store-return", more(0)],
    ["store-count", async (browser) => { await more(1)(browser); await browser.scan(gtin); await browser.until("document.querySelectorAll('.side .line').length > 0"); await pause(1200); }],
    ["store-count-review", async (browser) => { await browser.keys("\uE039"); await pause(800); }],
    ["store-receive", more(2)],
    ["store-receive-open", async (browser) => { await browser.tap("T-4711"); await pause(500); }],
    ["store-send", more(3)],
    ["store-risk", more(4)],
    ["store-day", more(5)],
    ["store-settle", more(6)],
    ["store-offline", async (browser) => { await browser.click(".tab:nth-child(1)"); await browser.devtools("Network.enable"); await browser.devtools("Network.emulateNetworkConditions", { offline: true, latency: 0, downloadThroughput: -1, uploadThroughput: -1 }); await browser.evaluate("window.dispatchEvent(new Event('offline'))"); await pause(1500); }],
    ["store-online", async (browser) => { await browser.devtools("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 }); await browser.evaluate("sessionStorage.clear()"); }],
  ],
  shop: [
    ["shop-list", async (browser, url) => { await browser.visit(`${url}/shop`); await browser.until("document.querySelectorAll('.card').length > 3"); await pause(500); }],
    ["shop-product", async (browser, url) => { await browser.visit(`${url}/shop#/product/${SKU}`); await browser.until("document.querySelector('.stores') !== null"); await pause(800); }],
    ["shop-cart", async (browser) => { await browser.click(".buy .primary"); await browser.until("document.querySelector('.stores button') !== null"); await pause(500); }],
    ["shop-pay", async (browser) => { await browser.click(".stores button"); await browser.until("document.querySelector('input[name=tender]') !== null"); await browser.click("input[name=tender]"); await pause(300); }],
    ["shop-order", async (browser) => { await browser.click("form .primary"); await browser.until("document.querySelector('.way') !== null"); await pause(800); }],
  ],
  ops: [
    ["ops", async (browser, url) => { await browser.visit(`${url}/ops`); await browser.until("document.querySelectorAll('.charts.first .chart path').length >= 4"); await pause(1500); }],
    ["ops-rules", async (browser) => { await browser.evaluate("document.querySelectorAll('[data-panel]').forEach((one) => { one.open = one.dataset.panel === 'rules'; })"); await pause(800); await browser.evaluate("document.querySelector('[data-panel=rules]').scrollIntoView()"); }],
    ["ops-log", async (browser) => { await browser.evaluate("document.querySelectorAll('[data-panel]').forEach((one) => { one.open = one.dataset.panel === 'log'; })"); await pause(1200); await browser.evaluate("document.querySelector('[data-panel=log]').scrollIntoView()"); await browser.evaluate("document.querySelector('.record') && (document.querySelector('.record').open = true)"); await pause(400); }],
  ],
};

/** English in both sizes and schemes, Spanish on a phone in the light and at a desk in the dark. */
const LOOKS = [["en-GB", 0, "light"], ["en-GB", 0, "dark"], ["en-GB", 1, "light"], ["en-GB", 1, "dark"], ["es-ES", 0, "light"], ["es-ES", 1, "dark"]];

const lookOf = ([language, size, scheme]) => `${language.slice(0, 2)}-${SIZES[size][0]}-${scheme}`;

/** Those of these names that are wanted: the named ones, or all if none is named. */
function wanted(all) {
  const named = all.filter((one) => names.split(",").includes(one));
  return named.length > 0 ? named : all;
}

try {
  for (const look of LOOKS.filter((look) => wanted(LOOKS.map(lookOf)).includes(lookOf(look)))) {
    const [language, size, scheme] = look;
    const [width, height] = SIZES[size];
    const name = lookOf(look);
    for (const page of wanted(Object.keys(PAGES))) {
      const states = PAGES[page];
      const browser = await Browser.open({ language });
      try {
        await browser.viewport(width, height);
        await browser.scheme(scheme);
        for (const [state, lead] of states) {
          await lead(browser, screens.url);
          await pause(150);
          await browser.picture(join(into, `${state}-${name}.png`));
        }
      } catch (error) {
        console.error(`${page} ${name}: ${error.message}`);
        await browser.picture(join(into, `failed-${page}-${name}.png`)).catch(() => {});
      } finally {
        await browser.end();
      }
    }
    console.log(name);
  }
} finally {
  screens.kill();
  server.kill();
  await rm(folder, { recursive: true, force: true });
}
