import "./canvas.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { columnsOf } from "../../vas_tool/ui/workbench/cells.js";
import { pixelOf } from "../../vas_tool/ui/workbench/colours.js";
import { drawnHypotheses } from "../../vas_tool/ui/workbench/heat.js";
import { rasterize } from "../../vas_tool/ui/workbench/raster.js";
import { outline, rowsOf, subtractRows } from "../../vas_tool/ui/workbench/trace.js";
import { stateOf } from "./states.js";

test("runs become rows; a run may go on in the next row", () => {
  assert.deepEqual([...rowsOf([2, 4, 8, 15], 5)], [[0, [2, 4]], [1, [3, 5]], [2, [0, 5]]]);
  assert.equal(rowsOf([], 5).size, 0);
});

test("what is in one mask and not in the other", () => {
  const whole = new Map([[0, [0, 10]], [1, [0, 4, 6, 9]], [2, [3, 5]]]);
  const seen = new Map([[0, [2, 4, 6, 7]], [1, [0, 9]]]);
  assert.deepEqual([...subtractRows(whole, seen)], [[0, [0, 2, 4, 6, 7, 10]], [2, [3, 5]]]);
});

test("an outline has a loop for each part and for each hole", () => {
  const ring = new Map([[0, [0, 3]], [1, [0, 1, 2, 3]], [2, [0, 3]], [5, [8, 9]]]);
  const { loops, closed } = outline(ring, 20);
  assert.deepEqual([loops.length, closed], [3, 3]);
  const area = (loop) => Math.abs(loop.reduce((sum, [x, y], i) => {
    const [x1, y1] = loop[(i + 1) % loop.length];
    return sum + (x * y1 - x1 * y) / 2;
  }, 0));
  // Each corner is cut by half a pixel: an eighth of a pixel of area.
  assert.deepEqual(loops.map(area).sort((a, b) => a - b), [0.5, 0.5, 8.5]);
});

test("a drawing is as large as the masks, lies where they do, and shows the hidden part hatched", () => {
  const canvas = { left: 4, top: 2, right: 4, bottom: 2, size_wh: [18, 10] };
  const { project } = stateOf({ project: { size_wh: [10, 6], canvas } });
  const masks = { modal: [11, 13], amodal: [3 * 18 + 3, 3 * 18 + 9], uncropped: null }; // canvas row 3: x 3 to 8; seen: x 5 and 6
  const drawn = rasterize({ id: 1, masks, layers: { modal: true, hidden: true }, project });
  assert.deepEqual([drawn.x, drawn.y, drawn.canvas.width, drawn.canvas.height], [-1, 1, 6, 1]);
  const pixels = [...new Uint32Array(drawn.canvas.image.data.buffer)];
  assert.deepEqual(pixels.slice(2, 4), [pixelOf(1, 0.45), pixelOf(1, 0.45)]);
  for (const place of [0, 1, 4, 5]) assert.ok([pixelOf(1, 0.7), pixelOf(1, 0.14)].includes(pixels[place]));
  const without = rasterize({ id: 1, masks, layers: { modal: true, hidden: false }, project });
  assert.deepEqual([...new Uint32Array(without.canvas.image.data.buffer)].filter(Boolean).length, 2);
  assert.equal(rasterize({ id: 1, masks: { modal: [], amodal: null, uncropped: null }, layers: {}, project }).canvas, null);
});

test("where hypotheses differ is drawn, where they agree is not", () => {
  const hypotheses = [{ seed: 1, runs: [0, 4], holds: true, engine: "e" }, { seed: 2, runs: [0, 2], holds: false, engine: "e" }];
  const { tiles, heat, bounds } = drawnHypotheses({ hypotheses }, [20, 10]);
  assert.deepEqual([tiles.map(({ seed, holds }) => [seed, holds]), bounds.right], [[[1, true], [2, false]], 4]);
  assert.deepEqual([...heat.image.data].filter((_, i) => i % 4 === 3).map(Boolean), [false, false, true, true]);
  assert.equal(drawnHypotheses({ hypotheses: [{ seed: 1, runs: [] }] }, [20, 10]), null);
});

test("more frames than pixels share columns, and no frame is left out", () => {
  const bits = Uint8Array.from({ length: 1000 }, (_, frame) => (frame === 777 ? 64 : 2));
  const columns = columnsOf(bits, { count: 1000, width: 90.5 });
  assert.deepEqual([columns.length, columns[0].from, columns.at(-1).to], [90, 0, 1000]);
  assert.ok(columns.every((column, i) => i === 0 || column.from === columns[i - 1].to));
  assert.deepEqual(columns.filter(({ any }) => any & 64).map(({ from, to }) => from <= 777 && 777 < to), [true]);
  assert.deepEqual(columns.filter(({ all }) => !(all & 2)).length, 1);
});
