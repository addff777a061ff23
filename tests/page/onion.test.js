import assert from "node:assert/strict";
import { test } from "node:test";
import "./canvas.js";
import { Masks } from "../../vas_tool/ui/workbench/masks.js";
import { OnionSkin, skinsOf } from "../../vas_tool/ui/workbench/onion.js";
import { Store } from "../../vas_tool/ui/workbench/store.js";
import { stateOf, thingOf } from "./states.js";

test("three frames each way are shown, inside the clip, the farthest first", () => {
  assert.deepEqual(skinsOf(5, 20), [2, 8, 3, 7, 4, 6]);
  assert.deepEqual(skinsOf(1, 3), [0, 2]);
});

test("the onion skin shows the chosen object where its masks are here, and an answer that comes later anew", () => {
  const store = new Store();
  store.apply(stateOf({ objects: [thingOf(1), thingOf(2)] }), 1);
  const masks = new Masks(store);
  const skin = new OnionSkin({ store, masks });
  const runs = { modal: [0, 4], amodal: null, uncropped: null };
  masks.put(1, { 1: runs }, 1);
  masks.put(2, { 2: runs }, 1);
  assert.deepEqual(skin.on(0), [], "its layer is off");
  store.setLayer("onion", true);
  const before = skin.on(0);
  assert.deepEqual(before.map(([frame]) => frame), [1]);
  masks.put(1, { 1: runs }, 2);
  assert.notDeepEqual(skin.on(0), before);
});
