import assert from "node:assert/strict";
import { test } from "node:test";
import { modules } from "../../server/assets/shop/qr.js";

/** The standard's own masks, written once more from its text: by column `x` and row `y`. */
const MASKS = [
  (x, y) => (x + y) % 2, (x, y) => y % 2, (x) => x % 3, (x, y) => (x + y) % 3, (x, y) => ((y >> 1) + Math.trunc(x / 3)) % 2,
  (x, y) => ((x * y) % 2) + ((x * y) % 3), (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2, (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2,
];

/** Reads the text of a code of version 1, as a reader does: the mask from its format, then the bytes of the first block. */
function decoded(grid) {
  const size = grid.length;
  const format = [0, 1, 2, 3, 4].map((x) => Number(grid[8][x])).join("");
  const mask = (parseInt(format, 2) ^ 0b10101) & 7;
  const is_fixed = (x, y) => x === 6 || y === 6 || (x < 9 && y < 9) || (x >= size - 8 && y < 9) || (x < 9 && y >= size - 8);
  const bits = [];
  for (const [nth, right] of [20, 18, 16, 14, 12, 10, 8, 5, 3, 1].entries()) {
    for (let step = 0; step < size; step++) for (const x of [right, right - 1]) {
      const y = nth % 2 === 0 ? size - 1 - step : step;
      if (!is_fixed(x, y)) bits.push(Number(grid[y][x]) ^ Number(MASKS[mask](x, y) === 0));
    }
  }
  const number = (from, width) => parseInt(bits.slice(from, from + width).join(""), 2);
  assert.equal(number(0, 4), 4, "bytes");
  return String.fromCharCode(...Array.from({ length: number(4, 8) }, (_, at) => number(12 + at * 8, 8)));
}

test("a code says what it was made of", () => {
  for (const text of ["A", "anaquel", "0123456789abcd"]) assert.equal(decoded(modules(text)), text);
});

test("a code is as large as its text needs", () => {
  const sizes = [["a".repeat(14), 21], ["a".repeat(15), 25], [`http://127.0.0.1:7070/shop#/cart/${"0".repeat(32)}`, 37], ["ñ".repeat(80), 53], ["a".repeat(213), 57]];
  for (const [text, size] of sizes) assert.equal(modules(text).length, size);
  assert.throws(() => modules("a".repeat(214)));
});
