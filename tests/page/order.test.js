import assert from "node:assert/strict";
import { test } from "node:test";
import { OrderActions, pairsOfMove } from "../../vas_tool/ui/workbench/order_actions.js";
import { isIn, objectAt } from "../../vas_tool/ui/workbench/order_gesture.js";

test("a moved object passes each one between its two places", () => {
  assert.deepEqual(pairsOfMove([5, 6, 7, 8], 2, 0), [[7, 5], [7, 6]]);
  assert.deepEqual(pairsOfMove([5, 6, 7, 8], 1, 3), [[7, 6], [8, 6]]);
  assert.deepEqual(pairsOfMove([5, 6], 1, 1), []);
});

test("a pixel is in the runs that hold it, their ends left out", () => {
  const runs = [2, 4, 7, 8, 10, 20];
  const inside = Array.from({ length: 22 }, (_, at) => at).filter((at) => isIn(runs, at));
  assert.deepEqual(inside, [2, 3, 7, ...Array.from({ length: 10 }, (_, i) => 10 + i)]);
  assert.equal(isIn([], 0), false);
});

test("a click means what is seen there before what is hidden there, and never the chosen object", () => {
  const project = { size_wh: [10, 4], canvas: { left: 2, top: 1, size_wh: [14, 6] } };
  const entry = { objects: {
    1: { modal: [0, 40], amodal: null },
    2: { modal: [], amodal: [14 + 2, 14 + 6] }, // frame pixels 0 to 3 of row 0
    3: { modal: [2, 3], amodal: null },
  } };
  const at = (x, y, but = 1) => objectAt({ entry, project, at: { x, y }, but });
  assert.deepEqual([at(0.5, 0.5), at(2.9, 0), at(3, 0), at(5, 0), at(5, 0, 2), at(-1, 0), at(99, 99)], [2, 3, 2, null, 1, null, null]);
});

test("a word is for the frames that are chosen, and a part of it can be taken back", () => {
  const sent = [];
  const order = new OrderActions({ store: { frame: 3, frameCount: 9 }, say: () => {}, send: (name, build) => sent.push([name, build()]) });
  order.say([[1, 2]]);
  order.scope = "on";
  order.say([[1, 2]]);
  order.takeBack([1, 2], { first: 0, last: 5 });
  order.scope = "meet";
  order.takeBack([1, 2], { first: 0, last: 5 });
  assert.deepEqual(sent, [
    ["in_front", { pairs: [[1, 2]], frame: 3, first: null, last: null }],
    ["in_front", { pairs: [[1, 2]], frame: 3, first: 3, last: 8 }],
    ["not_in_front", { objects: [1, 2], first: 3, last: 5 }],
    ["not_in_front", { objects: [1, 2], first: 0, last: 5 }],
  ]);
});
