import assert from "node:assert/strict";
import { test } from "node:test";
import "./canvas.js";
import { hintFor } from "../../vas_tool/ui/workbench/hint.js";
import { hatched } from "../../vas_tool/ui/workbench/open_part.js";
import { PerFrame } from "../../vas_tool/ui/workbench/per_frame.js";
import { Store } from "../../vas_tool/ui/workbench/store.js";
import { soon, stateOf, thingOf } from "./states.js";

test("what nothing can hide is hatched: red everywhere on it, and nowhere else", () => {
  const { data } = hatched([3, 13, 20, 24], [10, 4]);
  const alphas = Array.from({ length: 40 }, (_, at) => data[4 * at + 3]);
  assert.deepEqual(alphas.flatMap((alpha, at) => (alpha ? [at] : [])), [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 20, 21, 22, 23]);
  assert.ok(new Set(alphas).size === 3 && data[4 * 3] === 255, "strong and weak lines");
});

test("the line tells how much of the hidden part has nothing in front, unless its layer is off", () => {
  const store = new Store();
  const things = [thingOf(1, { frames: "06060606", nothing_in_front: { 0: [30, 120] } })];
  store.apply(stateOf({ objects: things }), 1);
  assert.match(hintFor(store).text, /^Red: nothing in front of 30 pixels \(25 % of the hidden part\)\./);
  store.setTool("brush");
  store.togglePaintLayer();
  assert.match(hintFor(store).text, /^Red: .* The brush paints on the amodal mask/);
  store.setLayer("open", false);
  assert.doesNotMatch(hintFor(store).text, /Red/);
});

test("what is told of a frame is asked once a state; until the new answer is here the old one of that frame stands", async () => {
  const store = new Store();
  store.apply(stateOf(), 1);
  const asked = [];
  const parts = new PerFrame({ store, read: (answer) => answer, onLoaded: () => {} });
  parts.api = { isLost: false, getJson: async (path) => asked.push(path) };
  assert.equal(parts.get("open/1/0"), null);
  await soon();
  assert.equal(parts.get("open/1/0"), 1);
  store.apply(stateOf({ version: 2 }), 2);
  assert.equal(parts.get("open/1/0"), 1, "of the state before");
  assert.equal(parts.get("open/1/1"), null, "another frame's is not shown");
  await soon();
  assert.deepEqual(asked, ["open/1/0", "open/1/0", "open/1/1"]);
});
