// @ts-check
// The tool that draws a box around the whole object: press beside it to draw, on a handle to drag that, inside to move.
import { boxOn, dragged, handlesOf, isBox } from "./boxes.js";
import { cssOf } from "./colours.js";
/** @import { Box, BoxOn, Keyframe, Point, Pointer } from "./types.d.ts" */
/** @import { Camera } from "./camera.js" */
/** @import { Store } from "./store.js" */
/** @import { Tools } from "./tools.js" */

const HANDLE = 4; // half a handle's side, css pixels
const REACH = 9; // how near the pointer must come to one
const SMALLEST = 2; // clip pixels
/** @type {Record<string, string>} */
const CURSORS = { nw: "nwse-resize", se: "nwse-resize", ne: "nesw-resize", sw: "nesw-resize",
                  n: "ns-resize", s: "ns-resize", w: "ew-resize", e: "ew-resize", move: "move" };

/**
 * The chosen object's keyframes, with what is on its way to the server.
 * @param {Store} store
 * @returns {Keyframe[]}
 */
export function keyframesOf(store) {
  /** @type {Map<number, Keyframe>} */
  const known = new Map((store.chosenObject?.amodal_boxes ?? []).map((box) => [box.frame, box]));
  for (const item of store.pending) {
    if (!store.isChosen(item.handle)) continue;
    if (item.kind === "amodal_box") known.set(item.frame, item);
    else if (item.kind === "no_amodal_box") known.set(item.frame, { frame: item.frame });
    else if (item.kind === "unamodal_box") known.delete(item.frame);
  }
  return [...known.values()];
}

/**
 * The keyframes as they are while one is being dragged.
 * @param {Store} store
 * @param {Pointer} pointer
 * @returns {Keyframe[]}
 */
export function keyframesNow(store, pointer) {
  const drawn = pointer.amodalBox;
  const others = keyframesOf(store).filter((box) => box.frame !== drawn?.frame);
  return drawn ? [...others, drawn] : others;
}

/**
 * The handle under a screen point: its name, "move" inside the box, or null.
 * @param {{store: Store, camera: Camera, frame: number, at: Point}} where
 */
export function handleAt({ store, camera, frame, at }) {
  const box = boxOn(keyframesOf(store), frame);
  if (!box) return null;
  for (const [name, place] of Object.entries(handlesOf(box))) {
    const { x, y } = camera.toScreen(place);
    if (Math.hypot(at.x - x, at.y - y) <= REACH) return name;
  }
  const { x, y } = camera.toClip(at);
  return x > box.x0 && x < box.x1 && y > box.y0 && y < box.y1 ? "move" : null;
}

/** @type {(handle: string | null) => string} */
export const cursorOf = (handle) => CURSORS[handle ?? ""] ?? "crosshair";

export class AmodalBoxGesture {
  /** @param {Tools} tools @param {Point} at */
  constructor(tools, at) {
    const { store, view } = tools;
    this.tools = tools;
    this.frame = view.shown ?? 0;
    this.start = view.camera.toClip(at);
    this.handle = handleAt({ store, camera: view.camera, frame: this.frame, at });
    this.before = this.handle ? boxOn(keyframesOf(store), this.frame) : null;
    /** @type {Box | null} */
    this.box = null;
  }

  /** @param {Point} at */
  move(at) {
    const { x, y } = this.tools.view.camera.toClip(at);
    const [dx, dy] = [x - this.start.x, y - this.start.y];
    const from = this.before ?? { frame: this.frame, x0: this.start.x, y0: this.start.y, x1: this.start.x, y1: this.start.y };
    this.box = dragged({ ...from, frame: this.frame }, this.handle ?? "se", { dx, dy });
    this.tools.view.pointer.amodalBox = this.box;
  }

  end() {
    this.cancel();
    if (!this.box) return;
    const { x0, y0, x1, y1 } = this.box;
    if (x1 - x0 >= SMALLEST && y1 - y0 >= SMALLEST) this.tools.actions.boxes.put(this.frame, { x0, y0, x1, y1 });
    else this.tools.say("That box holds nothing: drag it around the whole object, beyond the picture if need be.", { calm: true });
  }

  cancel() {
    this.tools.view.pointer.amodalBox = null;
  }
}

/**
 * The box around the whole object: drawn through on keyframes, dashed between them; handles with its tool.
 * @param {CanvasRenderingContext2D} context
 * @param {{store: Store, camera: Camera, frame: number, pointer: Pointer}} what
 */
export function drawAmodalBox(context, { store, camera, frame, pointer }) {
  const box = boxOn(keyframesNow(store, pointer), frame);
  if (!box) return;
  const [from, to] = [camera.toScreen({ x: box.x0, y: box.y0 }), camera.toScreen({ x: box.x1, y: box.y1 })];
  context.setLineDash(box.between ? [3, 4] : []);
  /** @type {[number, string][]} */
  const lines = [[4, "rgba(0,0,0,.6)"], [2, "#fff"], [1, cssOf(store.chosen.id)]];
  for (const [width, style] of lines) {
    context.lineWidth = width;
    context.strokeStyle = style;
    context.strokeRect(from.x, from.y, to.x - from.x, to.y - from.y);
  }
  context.setLineDash([]);
  if (store.tool === "amodal") drawHandles(context, { box, camera });
}

/** @param {CanvasRenderingContext2D} context @param {{box: BoxOn, camera: Camera}} what */
function drawHandles(context, { box, camera }) {
  context.lineWidth = 1.5;
  context.strokeStyle = "#14171c";
  context.fillStyle = box.between ? "#98a2b0" : "#fff";
  for (const place of Object.values(handlesOf(box))) {
    const { x, y } = camera.toScreen(place);
    context.fillRect(x - HANDLE, y - HANDLE, 2 * HANDLE, 2 * HANDLE);
    context.strokeRect(x - HANDLE, y - HANDLE, 2 * HANDLE, 2 * HANDLE);
  }
}

const MARK = 3.5; // half a keyframe's diamond in the timeline, css pixels

/**
 * Keyframes in an object's row of the timeline: diamonds, a line where there is a box, an upright where it ends.
 * @param {CanvasRenderingContext2D} context
 * @param {{boxes: Keyframe[], place: (frame: number) => number, cell: number, middle: number}} row
 */
export function drawKeyframes(context, { boxes, place, cell, middle }) {
  const ascending = [...boxes].sort((a, b) => a.frame - b.frame);
  /** @param {Keyframe} keyframe */
  const at = ({ frame }) => place(frame) + cell / 2;
  context.fillStyle = "rgba(255,255,255,.55)";
  ascending.slice(1).forEach((after, i) => {
    const before = ascending[i];
    if (isBox(before)) context.fillRect(at(before), middle - 0.5, at(after) - at(before), 1);
  });
  for (const keyframe of ascending) (isBox(keyframe) ? drawDiamond : drawEnd)(context, { x: at(keyframe), middle });
}

/** @param {CanvasRenderingContext2D} context @param {{x: number, middle: number}} at */
function drawDiamond(context, { x, middle }) {
  context.lineWidth = 1;
  context.strokeStyle = "#14171c";
  context.fillStyle = "#fff";
  context.beginPath();
  for (const [dx, dy] of [[0, -MARK], [MARK, 0], [0, MARK], [-MARK, 0]]) context.lineTo(x + dx, middle + dy);
  context.closePath();
  context.fill();
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {{x: number, middle: number}} at */
function drawEnd(context, { x, middle }) {
  context.fillStyle = "#fff";
  context.fillRect(x - 0.75, middle - MARK, 1.5, 2 * MARK);
}
