import assert from "node:assert/strict";
import { test } from "node:test";
import { BIT, BRUSH_RANGE, Store } from "../../vas_tool/ui/workbench/store.js";
import { stateOf, thingOf } from "./states.js";

const heard = (store) => {
  const kinds = [];
  store.on((changed) => kinds.push(...changed));
  return kinds;
};

test("an older state never takes the place of a newer one", () => {
  const store = new Store();
  assert.equal(store.apply(stateOf({ version: 5 }), 2), true);
  assert.equal(store.apply(stateOf({ version: 4 }), 9), false);
  assert.equal(store.apply(stateOf({ version: 5 }), 1), false, "of the same version, asked for earlier");
  assert.equal(store.apply(stateOf({ version: 5, undo: "click" }), 3), true);
  assert.equal(store.state.undo, "click");
});

test("frames that changed are known by the version of their change; the ledger comes once", () => {
  const store = new Store();
  store.apply(stateOf({ version: 3 }), 1);
  store.apply(stateOf({ version: 4, changed: [2], ledger: null }), 2);
  assert.deepEqual([0, 1, 2, 3].map((frame) => store.stampOf(frame)), [3, 3, 4, 3]);
  assert.equal(store.ledger.length, 4);
});

test("bits and marks are read, and a frame is called frame everywhere", () => {
  const store = new Store();
  const click = { frame_index: 1, x: 3, y: 4, positive: true };
  const things = [thingOf(7, { frames: "03000840", clicks: [click], amodal_boxes: [{ frame_index: 2 }], differ: "0001ff00" })];
  store.apply(stateOf({ objects: things }), 1);
  assert.equal(store.frameBits(7, 0), BIT.prompted | BIT.modal);
  assert.equal(store.frameBits(null, 0), 0);
  assert.ok(store.anyBits(7, BIT.look) && !store.anyBits(7, BIT.stale));
  assert.equal(store.countBits(7, 0xff), 3);
  assert.deepEqual([store.object(7).clicks[0].frame, store.object(7).amodal_boxes[0].frame], [1, 2]);
  assert.deepEqual([...store.differ.get(7)], [0, 1, 255, 0]);
});

test("the first state brings back where the person was, and no further one does", () => {
  const store = new Store();
  const place = { frame: 99, object: 2, layers: { depth: true } };
  store.apply(stateOf({ place, objects: [thingOf(1), thingOf(2)] }), 1);
  assert.deepEqual([store.frame, store.chosen.id, store.layers.depth, store.layers.modal], [3, 2, true, true]);
  store.apply(stateOf({ version: 2, place: { frame: 0 }, objects: [thingOf(1)] }), 2);
  assert.equal(store.frame, 3);
  assert.equal(store.chosen.id, 1, "the chosen object was deleted: the last one is chosen");
});

test("an object whose answer is on the way stays chosen", () => {
  const store = new Store();
  store.apply(stateOf({ objects: [thingOf(1)] }), 1);
  const handle = { id: null };
  store.choose(handle);
  store.addPending({ kind: "object", frame: -1, handle });
  handle.id = 2;
  store.apply(stateOf({ version: 2, objects: [thingOf(1)] }), 2);
  assert.equal(store.chosen, handle);
});

test("looking goes no further than the clip, and a reason belongs to its frame", () => {
  const store = new Store();
  assert.equal(store.look(2), false, "nothing is open");
  store.apply(stateOf(), 1);
  const kinds = heard(store);
  store.giveReason({ frame: 0, object: null, why: "" });
  assert.equal(store.look(99), true);
  assert.deepEqual([store.frame, store.reason], [3, null]);
  assert.equal(store.look(7), false);
  assert.deepEqual(kinds, ["reason", "frame"]);
});

test("the brush keeps its limits, layers that are switched show again, another project starts anew", () => {
  const store = new Store();
  const kinds = heard(store);
  for (let i = 0; i < 50; i++) store.scaleBrush(2);
  assert.equal(store.radius, BRUSH_RANGE[1]);
  for (let i = 0; i < 50; i++) store.scaleBrush(0.5);
  assert.equal(store.radius, BRUSH_RANGE[0]);
  store.toggleAll();
  store.setLayer("depth", true);
  assert.deepEqual([store.hideAll, store.layers.depth], [false, true]);
  store.apply(stateOf({ objects: [thingOf(1)] }), 1);
  store.reset();
  assert.deepEqual([store.state, store.radius, store.layers.depth, store.bits.size], [null, 12, false, 0]);
  kinds.length = 0;
  store.setPlaying(true);
  store.setPlaying(true);
  assert.deepEqual(kinds, ["play"], "who listened before listens still, and once");
});
