import assert from "node:assert/strict";
import { test } from "node:test";
import { add, correctedCount, correctedSale, repriced, saleBody, setQuantity, total } from "../../server/assets/store/basket.js";
import { Clock, median } from "../../server/assets/store/clock.js";
import { hoursToday } from "../../server/assets/store/hours.js";
import { gtinsOf } from "../../server/assets/store/catalogue.js";
import { unitsOf } from "../../server/assets/store/lookup.js";
import { currencyOf } from "../../server/assets/store/place.js";
import { ofOrder, ofReservation } from "../../server/assets/store/orders.js";
import "../../server/assets/store/texts.js";
import "../../server/assets/store/job-texts.js";

const shirt = { sku: "A", name: "Shirt", unit_amount: 1000 };
const socks = { sku: "B", name: "Socks", unit_amount: 250 };

test("a basket adds, changes and takes out; the newest line is the last", () => {
  let lines = add(add(add([], shirt, 1), socks, 2), shirt, 3);
  assert.deepEqual(lines.map(({ sku, quantity }) => [sku, quantity]), [["B", 2], ["A", 4]]);
  assert.equal(total(lines), 4500);
  lines = setQuantity(lines, "A", 1);
  assert.equal(total(setQuantity(lines, "B", 0)), 1000);
  assert.equal(total(repriced(lines, new Map([["A", 900]]))), 1400);
});

test("a sale names its total, and without a connection its prices", () => {
  const place = { channel: "pos", location: "s1", till: "T1", currency: "EUR", documents: { receipt: true } };
  const named = { order: "T1-270101-1-x", till_reference: "T1-270101-1", occurred_at: "2027-01-01T10:00:00.000Z" };
  const how = { place, lines: add([], shirt, 2), tender: "cash", given: 5000, named };
  const online = saleBody({ ...how, is_offline: false });
  assert.equal(online.expected_total, 2000);
  assert.deepEqual(online.lines, [{ line: "1", sku: "A", quantity: 2 }]);
  assert.deepEqual(online.payments, [{ payment: "p1", tender: "cash", amount: 2000, state: "captured", given: 5000 }]);
  const offline = saleBody({ ...how, given: 2000, is_offline: true });
  assert.equal(offline.offline, true);
  assert.equal(offline.expected_total, undefined);
  assert.equal(offline.lines[0].unit_amount, 1000);
  assert.equal(offline.payments[0].given, undefined);
  assert.equal(offline.occurred_at, named.occurred_at);
});

test("the clock is the median of the last five, and begins anew when it was set", () => {
  assert.equal(median([5, 1, 9]), 5);
  let here = 1_000_000;
  const kept = new Map();
  const storage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value) };
  const clock = new Clock(storage, () => here);
  for (const ahead of [590_000, 600_000, 610_000]) clock.hear(new Date(here + ahead).toISOString());
  assert.equal(clock.now() - here, 600_000);
  assert.equal(clock.minutes_off, 10);
  assert.equal(new Clock(storage, () => here).minutes_off, 10);
  here += 600_000;
  clock.hear(new Date(here).toISOString());
  assert.equal(clock.minutes_off, 0);
  clock.hear("no time");
  assert.equal(clock.now(), here);
});

test("a store has its own currency, or that of its zone", () => {
  assert.equal(currencyOf({ currency: "CHF", timezone: "Europe/Madrid" }), "CHF");
  assert.equal(currencyOf({ timezone: "America/Cancun" }), "MXN");
  assert.equal(currencyOf({ timezone: "Atlantic/Canary" }), "EUR");
});

test("a scan means what its code says, and what was said before it", () => {
  const kilo = { unit: "kg", decimals: 3 };
  const label = { read: { kind: "in_store", item: "000017", grams: 350 }, quantity: 2 };
  assert.equal(unitsOf(label, { record: kilo, measure: { grams: 350, amount: null, quantity: 350 } }), 700);
  assert.equal(unitsOf(label, { record: kilo, measure: null }), 2, "the code is that of an item by itself");
  assert.equal(unitsOf(label, { record: {}, measure: { grams: 350, amount: null, quantity: null } }), 2, "a piece with a weight");
  assert.equal(unitsOf({ read: { kind: "gtin", grams: 1250 }, quantity: 1 }, { record: kilo }), 1250);
  assert.equal(unitsOf({ read: { kind: "gtin", units: 12 }, quantity: 3 }, { record: {} }), 36);
  assert.equal(unitsOf({ read: { kind: "id", text: "A" }, quantity: 3 }, { record: {} }), 3);
});

test("an item is kept by each of its codes", () => {
  assert.deepEqual(gtinsOf("4006381333931; 036000291452"), ["04006381333931", "00036000291452"]);
  assert.deepEqual([gtinsOf(null), gtinsOf("4006381333932")], [[], []]);
});

test("hours are those of the day", () => {
  const tuesday = new Date(2027, 0, 5);
  assert.equal(hoursToday({ tue: "10:00-14:00,17:00-20:00" }, tuesday), "10:00–14:00, 17:00–20:00");
  assert.equal(hoursToday({ tue: "closed" }, tuesday), null);
  assert.equal(hoursToday(null, tuesday), null);
});

test("a job has what is outstanding of its fulfilment", () => {
  const order = {
    order: "W-1", due: 0, currency: "EUR", customer: "c-1", history: [],
    lines: [{ line: "1", sku: "A", quantity: 3, handed_over: 1, cancelled: 1 }, { line: "2", sku: "B", quantity: 1, handed_over: 0, cancelled: 0 }],
    fulfilments: [
      { fulfilment: "a", location: "s2", reservation: "r1", state: "confirmed", lines: [{ line: "2", quantity: 1 }] },
      { fulfilment: "b", location: "s1", reservation: "r2", state: "ready", pickup_code: "ABC234", lines: [{ line: "1", quantity: 3 }] },
    ],
  };
  const job = ofOrder(order, "s1");
  assert.deepEqual([job.fulfilment, job.state, job.code, job.lines], ["b", "ready", "ABC234", [{ line: "1", sku: "A", quantity: 1 }]]);
  assert.equal(ofOrder(order, "s3"), null);
  const alone = ofReservation({ id: "r-123456789", state: "confirmed", lines: [{ sku: "A", location: "s1", quantity: 2, collected: 1 }, { sku: "B", location: "s2", quantity: 1 }] }, "s1");
  assert.deepEqual(alone.lines, [{ line: "A", sku: "A", quantity: 1 }]);
});

test("a refused sale is corrected: its lines, its prices, its money; the rest stays", () => {
  const place = { channel: "pos", location: "s1", till: "T1", currency: "EUR", documents: {} };
  const named = { order: "o", till_reference: "r", occurred_at: "2027-01-01T10:00:00.000Z" };
  const lines = add(add([], socks, 1), shirt, 2);
  const shown = { lines, total: total(lines), currency: "EUR" };
  const online = saleBody({ place, lines, tender: "cash", given: 5000, is_offline: false, named });
  const [one, other] = [{ quantity: 0, unit_amount: 250 }, { quantity: 3, unit_amount: 1000 }];
  const right = correctedSale(online, shown, { lines: [one, other], amounts: [3000] });
  assert.deepEqual(right.body.lines, [{ line: "2", sku: "A", quantity: 3 }]);
  assert.deepEqual([right.body.expected_total, right.body.offline, right.body.order], [3000, undefined, "o"]);
  assert.deepEqual(right.body.payments, [{ payment: "p1", tender: "cash", state: "captured", amount: 3000, given: 5000 }]);
  assert.deepEqual([right.shown.total, right.shown.lines.length], [3000, 1]);
  // A price that is told now was told to the customer.
  const told = correctedSale(online, shown, { lines: [{ quantity: 1, unit_amount: 250 }, { quantity: 1, unit_amount: 800 }], amounts: [1050] });
  assert.deepEqual([told.body.offline, told.body.expected_total], [true, undefined]);
  assert.deepEqual(told.body.lines.map(({ unit_amount }) => unit_amount), [250, 800]);
});

test("a refused count is corrected", () => {
  const body = { put_aside: "excluded", counts: [{ sku: "A", location: "s1", on_hand: 7, counted_at: "x" }, { sku: "B", location: "s1", on_hand: 1, counted_at: "y" }] };
  const shown = { lines: [{ sku: "A", name: "Shirt", counted: 7 }, { sku: "B", name: "Socks", counted: 1 }] };
  const right = correctedCount(body, shown, [5, null]);
  assert.deepEqual(right.body.counts, [{ sku: "A", location: "s1", on_hand: 5, counted_at: "x" }]);
  assert.deepEqual(right.shown.lines, [{ sku: "A", name: "Shirt", counted: 5 }]);
});
