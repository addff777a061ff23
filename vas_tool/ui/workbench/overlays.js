// @ts-check
// What is drawn over the picture in screen pixels: object numbers, boxes, dots, the brush.
import { drawAmodalBox } from "./amodal_box.js";
import { cssOf } from "./colours.js";
import { drawTemplate } from "./template_tool.js";
/** @import { Box, Click, Corners, Point, Pointer } from "./types.d.ts" */
/** @import { Camera } from "./camera.js" */
/** @import { Store } from "./store.js" */
/** @import { TemplateOutlines } from "./template_tool.js" */

const DOT = 6; // radius, css pixels
export const HIT = 10; // how near the pointer must come to a dot
const TAG = 16; // height of an object's number
const FONT = "600 11px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

/** @type {(a: Click, b: Click) => boolean} */
const sameClick = (a, b) => a.frame === b.frame && a.x === b.x && a.y === b.y && a.positive === b.positive;

/**
 * Dots of the chosen object on a frame: the answered ones and those on their way.
 * @param {Store} store
 * @param {number} frame
 * @returns {(Click & {waits: boolean})[]}
 */
export function dotsOf(store, frame) {
  const pending = store.pending.filter((item) => store.isChosen(item.handle) && item.frame === frame);
  const removed = pending.filter((item) => item.kind === "unclick");
  const known = (store.chosenObject?.clicks ?? []).filter(
    (click) => click.frame === frame && !removed.some((item) => sameClick(item.click, click)),
  );
  const waiting = pending.filter((item) => item.kind === "click");
  return [...known.map((click) => ({ ...click, waits: false })), ...waiting.map((click) => ({ ...click, waits: true }))];
}

/**
 * The chosen object's box on a frame, or null.
 * @param {Store} store
 * @param {number} frame
 * @returns {(Box & {waits: boolean}) | null}
 */
export function boxOf(store, frame) {
  const pending = store.pending.filter((item) => store.isChosen(item.handle) && item.frame === frame);
  const last = pending.findLast((item) => item.kind === "box" || item.kind === "unbox");
  if (last) return last.kind === "box" ? { ...last, waits: true } : null;
  const box = store.chosenObject?.boxes.find((each) => each.frame === frame);
  return box ? { ...box, waits: false } : null;
}

/**
 * Where the handle that removes a box lies: just outside its top right corner.
 * @param {Camera} camera
 * @param {Corners} box
 */
export function boxHandle(camera, box) {
  const { x, y } = camera.toScreen({ x: box.x1, y: box.y0 });
  return { x, y };
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{store: Store, camera: Camera, frame: number, pointer: Pointer, outlines: TemplateOutlines}} what
 */
export function drawOverlays(context, { store, camera, frame, pointer, outlines }) {
  if (!store.hideAll) {
    const box = boxOf(store, frame);
    const handles = store.tool === "amodal"; // those of the amodal box: the cross would lie on one of them
    if (box && !pointer.box) drawBox(context, { box, camera, id: store.chosen.id, hot: pointer.hotBox, plain: handles });
    drawAmodalBox(context, { store, camera, frame, pointer });
    if (store.tool === "template") drawTemplate(context, { store, camera, frame, pointer, outlines });
    for (const dot of dotsOf(store, frame)) drawDot(context, { dot, camera, hot: pointer.hotDot !== null && sameClick(pointer.hotDot, dot) });
  }
  if (pointer.box) drawBox(context, { box: pointer.box, camera, id: store.chosen.id, dragging: true });
  if (pointer.brush) drawBrush(context, { brush: pointer.brush, camera, store });
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{box: Corners, camera: Camera, id: number | null, hot?: boolean, dragging?: boolean, plain?: boolean}} what
 */
function drawBox(context, { box, camera, id, hot, dragging, plain }) {
  const from = camera.toScreen({ x: box.x0, y: box.y0 });
  const to = camera.toScreen({ x: box.x1, y: box.y1 });
  context.lineWidth = 3.5;
  context.strokeStyle = "rgba(0,0,0,.55)";
  context.strokeRect(from.x, from.y, to.x - from.x, to.y - from.y);
  context.lineWidth = 1.5;
  context.strokeStyle = cssOf(id);
  if (dragging) context.setLineDash([6, 4]);
  context.strokeRect(from.x, from.y, to.x - from.x, to.y - from.y);
  context.setLineDash([]);
  if (!dragging && !plain) drawCross(context, { at: boxHandle(camera, box), hot });
}

/**
 * A round button with a cross: what it marks goes away when it is clicked.
 * @param {CanvasRenderingContext2D} context
 * @param {{at: Point, hot?: boolean}} what
 */
function drawCross(context, { at, hot }) {
  context.beginPath();
  context.arc(at.x, at.y, 8, 0, 2 * Math.PI);
  context.fillStyle = hot ? "#e5484d" : "rgba(20,23,28,.9)";
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = "#fff";
  context.stroke();
  context.beginPath();
  context.moveTo(at.x - 3, at.y - 3);
  context.lineTo(at.x + 3, at.y + 3);
  context.moveTo(at.x + 3, at.y - 3);
  context.lineTo(at.x - 3, at.y + 3);
  context.stroke();
}

/**
 * Plus in a disc: belongs to the object. Minus in a square: does not. Told apart without colour.
 * @param {CanvasRenderingContext2D} context
 * @param {{dot: Click, camera: Camera, hot: boolean}} what
 */
function drawDot(context, { dot, camera, hot }) {
  const at = camera.toScreen(dot);
  if (hot) return drawCross(context, { at, hot });
  context.beginPath();
  if (dot.positive) context.arc(at.x, at.y, DOT, 0, 2 * Math.PI);
  else context.rect(at.x - DOT, at.y - DOT, 2 * DOT, 2 * DOT);
  context.fillStyle = dot.positive ? "#fff" : "#14171c";
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = dot.positive ? "#14171c" : "#fff";
  context.stroke();
  context.beginPath();
  context.moveTo(at.x - 3, at.y);
  context.lineTo(at.x + 3, at.y);
  if (dot.positive) {
    context.moveTo(at.x, at.y - 3);
    context.lineTo(at.x, at.y + 3);
  }
  context.stroke();
  return undefined;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{brush: NonNullable<Pointer["brush"]>, camera: Camera, store: Store}} what
 */
function drawBrush(context, { brush, camera, store }) {
  const radius = store.radius * camera.scale;
  /** @type {[number, string][]} */
  const lines = [[3, "rgba(0,0,0,.6)"], [1.5, brush.adds ? "#fff" : "#ff9d9d"]];
  for (const [width, colour] of lines) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.setLineDash(brush.adds ? [] : [4, 3]);
    context.beginPath();
    context.arc(brush.x, brush.y, Math.max(1, radius), 0, 2 * Math.PI);
    context.stroke();
  }
  context.setLineDash([]);
  const word = `${store.paintLayer} ${brush.adds ? "+" : "−"}`;
  context.font = FONT;
  const at = { x: brush.x + Math.min(radius, 60) * 0.72 + 8, y: brush.y + Math.min(radius, 60) * 0.72 + 14 };
  context.fillStyle = "rgba(13,15,18,.75)";
  context.fillRect(at.x - 4, at.y - 11, context.measureText(word).width + 8, 15);
  context.fillStyle = "#fff";
  context.fillText(word, at.x, at.y);
}

/**
 * The object's number on its mask.
 * @param {CanvasRenderingContext2D} context
 * @param {{id: number, at: Point, isChosen: boolean}} what
 */
export function drawNumber(context, { id, at, isChosen }) {
  const text = String(id);
  context.font = FONT;
  const width = Math.max(16, context.measureText(text).width + 9);
  if (at.y > 0 && at.y < TAG) at = { ...at, y: TAG }; // at the stage's rim it lies on the mask
  context.fillStyle = isChosen ? cssOf(id) : "rgba(13,15,18,.8)";
  context.fillRect(at.x, at.y - TAG, width, TAG);
  context.fillStyle = isChosen ? "#0d0f12" : cssOf(id);
  context.fillText(text, at.x + (width - context.measureText(text).width) / 2, at.y - 4);
}
