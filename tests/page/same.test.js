import assert from "node:assert/strict";
import { test } from "node:test";
import { squaresAround } from "../../vas_tool/ui/workbench/same_panel.js";
import { Store } from "../../vas_tool/ui/workbench/store.js";
import { stateOf, thingOf } from "./states.js";

test("both crops have one size, around the middles of what is seen", () => {
  const [before, after] = squaresAround([[10, 20, 30, 60], [100, 100, 102, 102]]);
  assert.deepEqual(before, [-10, 10, 50, 70]);
  assert.deepEqual(after, [71, 71, 131, 131]);
  assert.deepEqual(squaresAround([[0, 0, 2, 2]]), [[-15, -15, 17, 17]], "a tiny object has some room around it");
});

test("the question is asked on its frame, of the chosen object", () => {
  const store = new Store();
  const back = { frame: 2, last_seen: 0, box: [0, 0, 4, 4], box_before: null };
  store.apply(stateOf({ objects: [thingOf(1, { returns: [back] }), thingOf(2)] }), 1);
  assert.equal(store.question, null);
  store.look(2);
  assert.deepEqual(store.question, back);
  store.choose({ id: 2 });
  assert.equal(store.question, null);
});
