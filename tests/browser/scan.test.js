import assert from "node:assert/strict";
import { test } from "node:test";
import { Bursts, Repeats, checkDigit, gs1, gtin, inStore, measured, read, strip, typed, upcE } from "../../server/assets/screens/scan.js";

/** Types keys `gap` ms apart; returns the texts of bursts, and what became of the last key. */
function keys(text, gap, end = ["Enter"]) {
  const bursts = new Bursts();
  const found = [];
  let now = 1000;
  let last = "";
  for (const key of [...text, ...end]) {
    now += gap;
    last = bursts.key(key, now);
    if (last === "burst") found.push(bursts.text);
  }
  return { bursts, found, now, last };
}

test("keys are a burst if they are quick, whatever ends them", () => {
  for (const gap of [1, 10, 50]) assert.deepEqual(keys("4006381333931", gap).found, ["4006381333931"], `${gap} ms`);
  for (const gap of [51, 120, 300]) assert.deepEqual(keys("4006381333931", gap).found, [], `${gap} ms`);
  assert.deepEqual(keys("123", 10).found, [], "three keys are a person's");
  assert.deepEqual(keys("ABC-1", 10, ["Tab"]).found, ["ABC-1"]);
  assert.deepEqual(keys("ABC-1", 10, ["Shift", "Enter"]).found, ["ABC-1"], "Shift is no character");
  const { bursts, now } = keys("ABC-1", 10, []);
  assert.equal(bursts.silence(now + 79), "");
  assert.equal(bursts.silence(now + 80), "burst");
  assert.equal(bursts.text, "ABC-1");
});

test("CR LF is one end", () => {
  const { found, last } = keys("ABCD", 10, ["Enter", "Enter"]);
  assert.deepEqual([found, last], [["ABCD"], "swallow"]);
});

test("a pause between two scans divides them", () => {
  const bursts = new Bursts();
  let now = 0;
  for (const key of "12") bursts.key(key, (now += 300));
  for (const key of "WXYZ") bursts.key(key, (now += 60 * (key === "W") + 10));
  assert.equal(bursts.key("Enter", now + 10), "burst");
  assert.equal(bursts.text, "WXYZ");
});

test("the same code at once is one scan", () => {
  const repeats = new Repeats();
  assert.deepEqual([[0, "A"], [200, "A"], [440, "A"], [700, "A"], [710, "B"], [720, "A"]].map(([now, code]) => repeats.isNew(code, now)), [true, false, false, true, true, true]);
});

test("frames of scanners are left out", () => {
  for (const [raw, text, symbology] of [
    ["\u0002ABC\r\n", "ABC", null], ["*ABC-1*", "ABC-1", null], ["]C1010400638133393", "010400638133393", "]C1"],
    ["]E04006381333931", "4006381333931", "]E0"], ["]d2ABC", "ABC", "]d2"], [" A B ", "A B", null], ["*", "*", null],
  ]) assert.deepEqual(strip(raw), { text, symbology }, JSON.stringify(raw));
});

test("GTINs are told by their check digit, as 14 digits", () => {
  assert.equal(checkDigit("400638133393"), 1);
  for (const [code, told] of [
    ["4006381333931", "04006381333931"], ["4006381333932", null], ["96385074", "00000096385074"], ["036000291452", "00036000291452"],
    ["10012345678902", "10012345678902"], ["1234567", null], ["", null],
  ]) assert.equal(gtin(code), told, code);
});

test("UPC-E is its UPC-A", () => {
  for (const [code, told] of [
    ["01234565", "00012345000065"], ["04252614", "00042100005264"], ["425261", "00042100005264"], ["0425261", "00042100005264"],
    ["04252615", null], ["24252614", null], ["12345", null],
  ]) assert.equal(upcE(code), told, code);
});

test("GS1 strings are taken apart", () => {
  assert.deepEqual(gs1("010400638133393130\u001d"), null, "a field without a value");
  assert.deepEqual(gs1("010400638133393130" + "12"), { "01": "04006381333931", 30: "12" });
  assert.deepEqual(gs1("0104006381333931310300125010LOT7\u001d3724"), { "01": "04006381333931", 3103: "001250", 10: "LOT7", 37: "24" });
  assert.deepEqual(gs1("(01)04006381333931(30)6"), { "01": "04006381333931", 30: "6" });
  assert.equal(gs1("01040063813339"), null);
  assert.equal(gs1("99ABC"), null);
});

test("a code is what it says", () => {
  for (const [code, told] of [
    ["4006381333931", { kind: "gtin", gtin: "04006381333931" }],
    ["]E04006381333931", { kind: "gtin", gtin: "04006381333931", code: "4006381333931" }],
    ["10012345678902", { kind: "gtin", gtin: "10012345678902", is_case: true }],
    ["04252614", { kind: "gtin", gtin: "00042100005264" }],
    ["]C101040063813339313012", { kind: "gtin", gtin: "04006381333931", units: 12, code: "01040063813339313012" }],
    ["0104006381333931", { kind: "gtin", gtin: "04006381333931" }],
    ["]d201040063813339313103001250", { kind: "gtin", gtin: "04006381333931", grams: 1250, code: "01040063813339313103001250" }],
    ["https://shop.example/r/aB3_-xyzQ", { kind: "receipt", key: "aB3_-xyzQ" }],
    ["/r/aB3_-xyzQ", { kind: "receipt", key: "aB3_-xyzQ" }],
    ["TSHIRT-RED-M", { kind: "id", text: "TSHIRT-RED-M" }],
    ["4006381333932", { kind: "id", text: "4006381333932" }],
    ["W-1007", { kind: "id", text: "W-1007" }],
  ]) assert.deepEqual(read(code), { code, ...told }, code);
});

test("codes of the store have a weight or a price", () => {
  const weighed = "2" + "123456" + "01250";
  const code = weighed + checkDigit(weighed);
  const base = "2" + "123456" + "00000";
  const item = { kind: "in_store", item: "123456", gtin: `0${base}${checkDigit(base)}` };
  assert.deepEqual(read(code, { patterns: ["2IIIIIIWWWWWC"] }), { ...item, grams: 1250, code });
  assert.deepEqual(inStore(code, "2IIIIIIPPPPPC"), { ...item, amount: 1250 });
  assert.equal(read(code, { patterns: ["22IIIIIWWWWWC", "21IIIIIPPPPPC", "2IIIIIIWWWWWC"] }).amount, 1250, "the first that fits");
  assert.equal(inStore(code, "21IIIIIWWWWWC").item, "23456");
  assert.equal(inStore(code, "22IIIIIWWWWWC"), null);
  assert.equal(read(code).kind, "gtin", "without a pattern it is a number like any other");
});

test("leading zeros of a store's code make no difference", () => {
  const of_12 = "2" + "00017" + "00350";
  const code = of_12 + checkDigit(of_12);
  for (const pattern of ["2IIIIIWWWWWC", "02IIIIIWWWWWC"])
    for (const text of [code, `0${code}`, `00${code}`]) {
      const { item, grams } = read(text, { patterns: [pattern] });
      assert.deepEqual([item, grams], ["00017", 350], `${pattern} ${text}`);
    }
});

test("a weight or a price is units of the item", () => {
  for (const [code, item, quantity] of [
    [{ grams: 350 }, { unit: "kg", decimals: 3 }, 350], [{ grams: 355 }, { unit: "KG", decimals: 2 }, 36],
    [{ grams: 400 }, { unit: "kg", decimals: 0 }, 1], [{ grams: 350 }, { unit: "g", decimals: 0 }, 350],
    [{ grams: 350 }, { unit: null, decimals: 3 }, 350], [{ grams: 350 }, { unit: "piece", decimals: 0 }, null],
    [{ grams: 0 }, { unit: "kg", decimals: 3 }, null], [{ amount: 700 }, { price: { amount: 2 } }, 350],
    [{ amount: 701 }, { price: { amount: 2 } }, 351], [{ amount: 1 }, { price: { amount: 1000 } }, 1], [{ amount: 700 }, { price: null }, null],
  ]) assert.equal(measured(code, item).quantity, quantity, JSON.stringify([code, item]));
  assert.equal(measured({}, { unit: "kg", decimals: 3 }), null);
});

test("quantities come before a code, or after it", () => {
  const code = { kind: "id", text: "MUG", code: "MUG" };
  for (const [text, told] of [
    ["3*MUG", { kind: "code", quantity: 3, read: code }], ["3xMUG", { kind: "code", quantity: 3, read: code }], ["3*", { kind: "next", quantity: 3 }],
    ["12", { kind: "quantity", quantity: 12 }], ["100", { kind: "quantity", quantity: 100, asks: true }], ["120*", { kind: "next", quantity: 120, asks: true }],
    ["MUG", { kind: "code", quantity: 1, read: code }], ["", null],
  ]) assert.deepEqual(typed(text), told, text);
  assert.equal(typed("123456").kind, "code", "six digits are no quantity");
  assert.equal(typed("0").quantity, 0);
});
