import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { beyond, boxOn, cropAround, cropOn, dragged, handlesOf } from "../../vas_tool/ui/workbench/boxes.js";

// The cases that Python is tested on, too.
const CASES = JSON.parse(readFileSync(new URL("../box_cases.json", import.meta.url), "utf8"));

const framesOf = (keyframes) => keyframes.map(([frame, x0, y0, x1, y1]) => (x0 === undefined ? { frame } : { frame, x0, y0, x1, y1 }));

test("boxes between keyframes are Python's, to the last bit", () => {
  for (const { keyframes, boxes } of CASES.interpolation) {
    const found = boxes.map(([frame]) => {
      const box = boxOn(framesOf(keyframes), frame);
      return box ? [frame, box.x0, box.y0, box.x1, box.y1] : [frame];
    });
    assert.deepEqual(found, boxes);
  }
});

test("crops are Python's, to the last bit", () => {
  for (const { box, size_wh: size, margin, keep_aspect, crop } of CASES.crops) {
    assert.deepEqual([...cropAround(box, size, { margin, keep_aspect }), ...size], crop);
  }
  for (const { keyframes, rule, frame_wh: frameWh, model_wh: modelWh, crops } of CASES.plans) {
    const found = crops.map(([frame]) => {
      const { rect, size } = cropOn(framesOf(keyframes), frame, { rule, frameWh, modelWh });
      return [frame, ...rect, ...size];
    });
    assert.deepEqual(found, crops);
  }
});

test("a dragged handle moves its sides, which may cross; how far a box leaves the work area", () => {
  const box = { frame: 3, x0: 10, y0: 10, x1: 20, y1: 20 };
  assert.deepEqual(dragged(box, "e", { dx: -15, dy: 99 }), { frame: 3, x0: 5, y0: 10, x1: 10, y1: 20 });
  assert.deepEqual(dragged(box, "move", { dx: 1, dy: 2 }), { frame: 3, x0: 11, y0: 12, x1: 21, y1: 22 });
  assert.deepEqual(handlesOf(box).se, { x: 20, y: 20 });
  const cut = [[-10, -5, 110, 55], [-10.5, 0, 5, 5], [0, 0, 5, 60], [-30, -7, 115, 9]].map(([x0, y0, x1, y1]) =>
    beyond({ x0, y0, x1, y1 }, { left: 10, top: 5, right: 10, bottom: 5 }, [100, 50]));
  assert.deepEqual(cut, [0, 0.5, 5, 20]);
});
