import assert from "node:assert/strict";
import { test } from "node:test";
import { thumbnails } from "../../vas_tool/ui/workbench/filmstrip.js";

test("a short clip has one thumbnail over each cell", () => {
  const shown = thumbnails({ count: 4, left: 100, right: 900, wide: 80 });
  assert.deepEqual(shown.map(({ frame }) => frame), [0, 1, 2, 3]);
  assert.deepEqual(shown.map(({ x }) => x + 40), [200, 400, 600, 800]);
});

test("of a long clip as many as fit, each over its own frame and none over another", () => {
  const [count, left, right, wide] = [2000, 112, 1260, 85];
  const shown = thumbnails({ count, left, right, wide });
  assert.equal(shown.length, 13);
  for (const [index, { frame, x }] of shown.entries()) {
    const cell = (right - left) / count;
    assert.ok(Math.abs(left + (frame + 0.5) * cell - (x + wide / 2)) <= cell);
    assert.ok(x >= left && x + wide <= right);
    const before = shown[index - 1];
    if (before) assert.ok(x >= before.x + wide);
  }
});

test("a window too narrow for one still shows one", () => {
  assert.equal(thumbnails({ count: 9, left: 112, right: 150, wide: 85 }).length, 1);
});
