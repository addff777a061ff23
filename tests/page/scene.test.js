import assert from "node:assert/strict";
import { test } from "node:test";
import { SceneGesture, layerOf, scenePath } from "../../vas_tool/ui/workbench/scene.js";
import { Store } from "../../vas_tool/ui/workbench/store.js";
import { stateOf, thingOf } from "./states.js";

const MOVED = { object_id: 1, dx: 4, dy: -2, scale: 1, hidden: false, freeze: null };

function storeOf(scene) {
  const store = new Store();
  store.apply(stateOf({ objects: [thingOf(1), thingOf(2)], scene }), 1);
  return store;
}

test("an object without an edit stays as it is", () => {
  const store = storeOf({ order: [], layers: [MOVED] });
  assert.deepEqual(layerOf(store, 1), MOVED);
  assert.deepEqual(layerOf(store, 2), { object_id: 2, dx: 0, dy: 0, scale: 1, hidden: false, freeze: null });
});

test("a frame of the scene is another picture after a change of the scene or of any mask", () => {
  const store = storeOf({ order: [], layers: [] });
  const paths = [scenePath(store, 2)];
  store.apply(stateOf({ version: 2, changed: [], scene: { order: [], layers: [MOVED] } }), 2);
  paths.push(scenePath(store, 2));
  store.apply(stateOf({ version: 3, changed: [0], scene: { order: [], layers: [MOVED] } }), 3);
  paths.push(scenePath(store, 2));
  assert.equal(new Set(paths).size, 3);
  assert.ok(paths.every((path) => path.startsWith("scene/2.jpg?v=")));
});

test("a drag moves the chosen object on from where it is; a press chooses the object there", () => {
  const store = storeOf({ order: [], layers: [MOVED] });
  const sent = [];
  const send = (action, build) => sent.push([action, build()]);
  const view = {
    pointer: { sceneShift: null }, shown: 0, camera: { toClip: ({ x, y }) => ({ x: x / 2, y: y / 2 }) },
    masks: { get: () => ({ objects: { 2: { modal: [0, 64], amodal: null } } }) },
  };
  const actions = { store, send, choose: ({ id }) => sent.push(["choose", id]) };
  const drag = new SceneGesture({ store, view, actions }, { x: 10, y: 10 });
  drag.move({ x: 30, y: 14 });
  assert.deepEqual(view.pointer.sceneShift, { x: 10, y: 2 });
  drag.end({ x: 30, y: 14 });
  assert.equal(view.pointer.sceneShift, null);
  new SceneGesture({ store, view, actions }, { x: 10, y: 0 }).end({ x: 10, y: 0 });
  assert.deepEqual(sent, [["scene", { object: 1, dx: 14, dy: 0 }], ["choose", 2]]);
});
