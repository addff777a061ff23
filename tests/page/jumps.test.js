import assert from "node:assert/strict";
import { test } from "node:test";
import { changeFrom, middleOf } from "../../vas_tool/ui/workbench/jumps.js";
import { placeIn } from "../../vas_tool/ui/workbench/link.js";
import { BIT } from "../../vas_tool/ui/workbench/store.js";

test("a change is a frame whose state is another than that of the frame before; what needs a look is none", () => {
  const { modal, amodal, look } = BIT;
  const bits = Uint8Array.of(0, 0, modal, modal | look, modal | amodal, modal | amodal);
  assert.deepEqual([0, 2, 3, 4].map((frame) => changeFrom(bits, frame, 1)), [2, 4, 4, null]);
  assert.deepEqual([5, 4, 2, 0].map((frame) => changeFrom(bits, frame, -1)), [4, 2, 0, null]);
  assert.equal(changeFrom(new Uint8Array(), 0, 1), null);
});

test("the middle lies between the key frames around a frame, and is none of them", () => {
  assert.deepEqual([0, 3, 8, 9].map((frame) => middleOf([0, 8, 9, 20], frame)), [4, 4, null, 14]);
  assert.deepEqual([middleOf([4], 4), middleOf([4, 8], 2), middleOf([], 0)], [null, null, null]);
});

test("an address leads to a frame and an object of its project alone", () => {
  assert.deepEqual(placeIn("?project=a&frame=12&object=3", "a"), { frame: 12, object: 3 });
  assert.deepEqual(placeIn("?object=3&project=a&frame=-1", "a"), { frame: null, object: 3 });
  for (const search of ["?project=a", "?project=b&frame=1", "?frame=1", "?project=a&frame=x"]) assert.equal(placeIn(search, "a"), null);
});
