import assert from "node:assert/strict";
import { test } from "node:test";
import { Camera } from "../../vas_tool/ui/workbench/camera.js";

const cameraOn = (width, height) => {
  const camera = new Camera();
  camera.setView(width, height);
  camera.setArea({ left: -10, top: -5, width: 100, height: 50 });
  return camera;
};
const isNear = (a, b) => assert.ok(Math.hypot(a.x - b.x, a.y - b.y) < 1e-9, JSON.stringify([a, b]));

test("the whole work area fits, and stays fitted when the stage changes its size", () => {
  const camera = cameraOn(416, 216);
  assert.equal(camera.scale, 4);
  isNear(camera.toScreen({ x: -10, y: -5 }), { x: 8, y: 8 });
  camera.setView(216, 216);
  assert.equal(camera.scale, 2);
});

test("what is under the pointer stays there while zooming; points come back from where they were put", () => {
  const camera = cameraOn(416, 216);
  const point = { x: 100, y: 60 };
  const before = camera.toClip(point);
  for (const factor of [1.5, 1.5, 0.8]) camera.zoomAt(point, factor);
  isNear(camera.toClip(point), before);
  isNear(camera.toClip(camera.toScreen({ x: 12.5, y: 31 })), { x: 12.5, y: 31 });
  assert.equal(camera.fitted, false);
});

test("zoom has limits, and the picture cannot be pushed off the stage", () => {
  const camera = cameraOn(416, 216);
  for (let i = 0; i < 40; i++) camera.zoom(2);
  assert.equal(camera.scale, 24);
  camera.pan(1e6, 1e6);
  assert.equal(camera.toScreen({ x: -10, y: -5 }).x, 416 - 60);
  for (let i = 0; i < 40; i++) camera.zoom(0.5);
  assert.equal(camera.scale, camera.fitScale / 2);
});
