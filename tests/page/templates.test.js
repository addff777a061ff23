import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { cornersOf, draggedPose, holds, matrixOf, poseOn, templateOn, through } from "../../vas_tool/ui/workbench/templates.js";

// The cases that Python is tested on, too.
const CASES = JSON.parse(readFileSync(new URL("../template_cases.json", import.meta.url), "utf8"));
const poseOf = ([frame, x, y, angle, scale]) => ({ frame, x, y, angle, scale });
const templateOf = (...frames) => ({ key: "k", taken_from: 0, box: [0, 0, 4, 4], poses: frames.map((frame) => poseOf([frame, 10 * frame, 0, 0, 1])) });

test("poses between key frames are Python's, to the last bit", () => {
  for (const { poses, on } of CASES.interpolation) {
    const found = on.map(([frame]) => {
      const pose = poseOn(poses.map(poseOf), frame);
      return pose ? [frame, pose.x, pose.y, pose.angle, pose.scale] : [frame];
    });
    assert.deepEqual(found, on);
  }
});

test("a template lies where Python draws it", () => {
  for (const { pose, size_wh: size, corners } of CASES.corners) {
    const matrix = matrixOf(poseOf([0, ...pose]), size);
    const middles = [[0.5, 0.5], [size[0] - 0.5, 0.5], [size[0] - 0.5, size[1] - 0.5], [0.5, size[1] - 0.5]];
    for (const [i, [x, y]] of middles.entries()) {
      const found = through(matrix, { x, y });
      assert.ok(Math.hypot(found.x - corners[i][0], found.y - corners[i][1]) < 1e-5);
    }
  }
});

test("the newest template that lies on a frame is worked on, else the nearest, which goes on as it went", () => {
  const templates = [templateOf(2, 6), templateOf(9)];
  assert.deepEqual([templateOn(templates, 4), templateOn(templates, 6), templateOn(templates, 9), templateOn(templates, 1)].map(({ index, how, pose }) => [index, how, pose.frame, pose.x]),
    [[0, "between", 4, 40], [0, "given", 6, 60], [1, "given", 9, 90], [0, "beyond", 1, 10]]);
  assert.deepEqual([templateOn(templates, 30), templateOn([templateOf(2, 6)], 40)].map(({ index, pose }) => [index, pose.x]), [[1, 90], [0, 100]]);
  assert.equal(templateOn([], 3), null);
});

test("handles move, turn the shorter way, and scale about the centre within limits", () => {
  const pose = poseOf([3, 50, 40, 170, 2]);
  assert.deepEqual(draggedPose(pose, "move", { from: { x: 1, y: 2 }, to: { x: 4.25, y: 0 } }), { ...pose, x: 53.25, y: 38 });
  assert.equal(draggedPose(pose, "turn", { from: { x: 60, y: 40 }, to: { x: 50, y: 50 } }).angle, -100);
  assert.equal(draggedPose(pose, "turn", { from: { x: 40, y: 39 }, to: { x: 40, y: 41 } }).angle, 158.58);
  assert.equal(draggedPose(pose, "scale", { from: { x: 60, y: 40 }, to: { x: 50, y: 55 } }).scale, 3);
  assert.equal(draggedPose(pose, "scale", { from: { x: 60, y: 40 }, to: { x: 50, y: 40 } }).scale, 0.02);
  assert.equal(draggedPose(pose, "scale", { from: { x: 50, y: 40 }, to: { x: 56, y: 40 } }).scale, 6);
});

test("what a turned box holds", () => {
  const pose = poseOf([0, 50, 50, 90, 2]);
  assert.deepEqual([[50, 69], [50, 71], [59, 50], [61, 50]].map(([x, y]) => holds(pose, [20, 10], { x, y })), [true, false, true, false]);
  assert.deepEqual(cornersOf(poseOf([0, 5, 5, 0, 1]), [2, 4])[2], { x: 6, y: 7 });
});
