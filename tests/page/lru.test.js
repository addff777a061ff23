import assert from "node:assert/strict";
import { test } from "node:test";
import { Loader } from "../../vas_tool/ui/workbench/loader.js";
import { Lru } from "../../vas_tool/ui/workbench/lru.js";
import { soon } from "./states.js";

test("what was used longest ago is dropped, and told", () => {
  const dropped = [];
  const lru = new Lru(10, (value) => dropped.push(value));
  for (const name of ["a", "b", "c"]) lru.set(name, name, 4);
  assert.deepEqual(dropped, ["a"]);
  lru.get("b");
  lru.set("d", "d", 4);
  assert.deepEqual([dropped, lru.get("b"), lru.get("c")], [["a", "c"], "b", undefined]);
  lru.set("b", "B", 1);
  assert.deepEqual([dropped.at(-1), lru.weight], ["b", 5]);
  lru.set("huge", "huge", 99);
  assert.equal(lru.get("huge"), "huge", "the newest stays, however heavy");
  lru.clear();
  assert.deepEqual([lru.weight, lru.has("huge")], [0, false]);
});

test("four loads at once, the most wanted first; those nobody wants any more are stopped", async () => {
  const begun = [];
  const stopped = [];
  const done = new Map();
  const task = (key) => ({
    key,
    run: (signal) => new Promise((resolve, reject) => {
      begun.push(key);
      done.set(key, resolve);
      signal.addEventListener("abort", () => (stopped.push(key), reject(new Error("stopped"))));
    }),
  });
  const failed = [];
  const loader = new Loader((error) => failed.push(error));
  loader.want(["a", "b", "c", "d", "e", "f"].map(task));
  assert.deepEqual(begun, ["a", "b", "c", "d"]);
  done.get("b")();
  await soon();
  assert.deepEqual(begun.slice(4), ["e"]);
  loader.want(["z", "a"].map(task));
  assert.deepEqual(stopped, ["c", "d", "e"]);
  await soon();
  assert.deepEqual([begun.slice(5), failed], [["z"], []]);
});

test("a load that failed is told of and rests before it is tried again", async () => {
  const failed = [];
  let tries = 0;
  const loader = new Loader((error) => failed.push(error.message));
  const task = { key: "a", run: async () => { tries++; throw new Error("no"); } };
  loader.want([task]);
  await soon();
  loader.want([task]);
  await soon();
  assert.deepEqual([tries, failed], [1, ["no"]]);
  loader.clear();
  loader.want([task]);
  await soon();
  assert.equal(tries, 2);
});
