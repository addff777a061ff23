// @ts-check
// The tool that places a template: drag inside to move it, on a corner to scale it, on the round handle to turn it.
import { cssOf } from "./colours.js";
import { cornersOf, draggedPose, holds, matrixOf, templateOn } from "./templates.js";
import { outline, rowsOf } from "./trace.js";
/** @import { Handle, Point, Pointer, Pose, Size, TemplateAnswer, TemplateOn, TemplateView } from "./types.d.ts" */
/** @import { Api } from "./api.js" */
/** @import { Camera } from "./camera.js" */
/** @import { Store } from "./store.js" */
/** @import { Tools } from "./tools.js" */

const HANDLE = 4; // half a handle's side, css pixels
const REACH = 9; // how near the pointer must come to one
const STEM = 26; // how far the handle that turns lies from the box, css pixels
const DRAG_FROM = 3; // css pixels before a press moves anything
const SNAP = 8; // how near the outline must come to the visible edge to be moved onto it, css pixels
/** @type {Record<string, string>} */
const CURSORS = { move: "move", scale: "nwse-resize", turn: "grab" };

/** @param {TemplateView} template @returns {Size} */
const sizeOf = ({ box }) => [box[2], box[3]];

/**
 * The chosen object's templates, with the poses that are on their way to the server.
 * @param {Store} store
 * @returns {TemplateView[]}
 */
export function templatesOf(store) {
  const templates = store.chosenObject?.templates ?? [];
  const waiting = store.pending.flatMap((item) => (item.kind === "template" && store.isChosen(item.handle) ? [item] : []));
  if (!waiting.length) return templates;
  return templates.map((template, index) => {
    const fresh = waiting.filter((item) => item.index === index).map(({ pose }) => pose);
    const kept = template.poses.filter(({ frame }) => !fresh.some((pose) => pose.frame === frame));
    return { ...template, poses: [...kept, ...fresh].sort((a, b) => a.frame - b.frame) };
  });
}

/** @param {Store} store @param {number} frame */
export const templateHere = (store, frame) => templateOn(templatesOf(store), frame);

/** The outlines of templates, as the server sends them: each is asked for once. */
export class TemplateOutlines {
  /** @param {() => void} onLoaded */
  constructor(onLoaded) {
    this.onLoaded = onLoaded;
    /** @type {Api | null} */
    this.api = null;
    /** @type {Map<string, Path2D | null>} null: on its way */
    this.paths = new Map();
  }

  clear() {
    this.paths.clear();
  }

  /** The outline in pixels of the template's box; null until it is here. @param {Handle} handle @param {TemplateOn} on */
  of({ id }, { index, template }) {
    const { key } = template;
    if (!this.paths.has(key)) void this.load(`templates/${id}/${index}`, key, sizeOf(template)[0]);
    return this.paths.get(key) ?? null;
  }

  /** @param {string} route @param {string} key @param {number} width */
  async load(route, key, width) {
    if (!this.api) return;
    this.paths.set(key, null);
    try {
      /** @type {TemplateAnswer} */
      const { key: found, runs } = await this.api.getJson(route);
      if (found !== key) this.paths.delete(key); // undone meanwhile
      else this.paths.set(key, outline(rowsOf(runs, width), width));
      this.onLoaded();
    } catch {
      this.paths.delete(key); // the connection line says so
    }
  }
}

/** Where the handle that turns lies, on the screen. @param {Point[]} corners  of the box, on the screen */
function turnHandle([a, b, c, d]) {
  const above = beside([a, b], [d, c]);
  return above.at.y < REACH ? beside([d, c], [a, b]) : above; // beyond the stage's upper edge it could not be reached
}

/**
 * The handle beside one side of the box, away from the other, and the middle of that side.
 * @param {[Point, Point]} side
 * @param {[Point, Point]} other
 */
function beside([a, b], [d, c]) {
  const from = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  const [dx, dy] = [from.x - (c.x + d.x) / 2, from.y - (c.y + d.y) / 2];
  const far = Math.max(1, Math.hypot(dx, dy));
  return { from, at: { x: from.x + (dx / far) * STEM, y: from.y + (dy / far) * STEM } };
}

/**
 * What the pointer is on: a handle's name, "move" inside the box, or null.
 * @param {{store: Store, camera: Camera, frame: number, at: Point}} where
 */
export function templateHandleAt({ store, camera, frame, at }) {
  const here = store.hideAll ? null : templateHere(store, frame);
  if (!here) return null;
  const corners = cornersOf(here.pose, sizeOf(here.template)).map((corner) => camera.toScreen(corner));
  /** @param {Point} place */
  const distance = ({ x, y }) => Math.hypot(at.x - x, at.y - y);
  if (distance(turnHandle(corners).at) <= REACH) return "turn";
  const corner = Math.min(...corners.map(distance)); // the corners of a small one lie in each other's reach
  if (corner <= REACH && corner < distance(camera.toScreen(here.pose))) return "scale";
  return holds(here.pose, sizeOf(here.template), camera.toClip(at)) ? "move" : null;
}

/** @type {(handle: string | null) => string} */
export const templateCursor = (handle) => CURSORS[handle ?? ""] ?? "default";

export class TemplateGesture {
  /** @param {Tools} tools @param {Point} at @param {PointerEvent} event */
  constructor(tools, at, event) {
    const { store, view } = tools;
    this.tools = tools;
    this.frame = view.shown ?? 0;
    this.snaps = !event.shiftKey;
    this.owner = store.chosen;
    this.start = at;
    this.from = view.camera.toClip(at);
    this.handle = event.button !== 0 ? null : templateHandleAt({ store, camera: view.camera, frame: this.frame, at });
    this.here = this.handle ? templateHere(store, this.frame) : null;
    /** @type {Pose | null} */
    this.pose = null;
  }

  /** @param {Point} at */
  move(at) {
    if (!this.here || !this.handle || (!this.pose && Math.hypot(at.x - this.start.x, at.y - this.start.y) < DRAG_FROM)) return;
    this.pose = draggedPose(this.here.pose, this.handle, { from: this.from, to: this.tools.view.camera.toClip(at) });
    this.tools.view.pointer.template = this.pose;
  }

  end() {
    this.cancel();
    const { actions, view, store, say } = this.tools;
    if (this.here && this.pose) {
      actions.templates.place(this.owner, this.here, { pose: this.pose, reach: this.snaps ? SNAP / view.camera.scale : 0 });
    } else if (!this.here && !store.hideAll) {
      say(store.chosenObject?.templates.length ? "Drag the outline itself, its corners, or the round handle." : takeHint(store), { calm: true });
    }
  }

  cancel() {
    this.tools.view.pointer.template = null;
  }
}

/** How to get a template. @param {Store} store */
export const takeHint = ({ chosenObject }) =>
  chosenObject ? `First take an outline: go to a frame where ${chosenObject.label} is whole, and press Shift+T.` : "First click the object.";

/**
 * The template with its handles, over the picture: drawn through on key frames, dashed between and beyond them.
 * @param {CanvasRenderingContext2D} context
 * @param {{store: Store, camera: Camera, frame: number, pointer: Pointer, outlines: TemplateOutlines}} what
 */
export function drawTemplate(context, { store, camera, frame, pointer, outlines }) {
  const here = templateHere(store, frame);
  if (!here) return;
  const dragged = pointer.template?.frame === frame ? pointer.template : null;
  const pose = dragged ?? here.pose;
  const size = sizeOf(here.template);
  const path = outlines.of(store.chosen, here);
  const dashes = dragged || here.how === "given" ? [] : [6, 4];
  if (path) drawOutline(context, { path: onScreen(path, { camera, pose, size }), id: store.chosen.id, dashes, fills: Boolean(dragged) || here.how === "beyond" });
  drawHandles(context, { corners: cornersOf(pose, size).map((corner) => camera.toScreen(corner)), given: here.how === "given" });
}

/** @param {Path2D} path @param {{camera: Camera, pose: Pose, size: Size}} where */
function onScreen(path, { camera: { scale, x, y }, pose, size }) {
  const placed = new Path2D();
  placed.addPath(path, new DOMMatrix([scale, 0, 0, scale, x, y]).multiply(new DOMMatrix(matrixOf(pose, size))));
  return placed;
}

/** @param {CanvasRenderingContext2D} context @param {{path: Path2D, id: number | null, dashes: number[], fills: boolean}} what */
function drawOutline(context, { path, id, dashes, fills }) {
  if (fills) {
    context.fillStyle = cssOf(id, 0.28);
    context.fill(path, "evenodd");
  }
  context.setLineDash(dashes);
  /** @type {[number, string][]} */
  const lines = [[4, "rgba(0,0,0,.6)"], [2, "#fff"]];
  for (const [width, style] of lines) {
    context.lineWidth = width;
    context.strokeStyle = style;
    context.stroke(path);
  }
  context.setLineDash([]);
}

/** @param {CanvasRenderingContext2D} context @param {{corners: Point[], given: boolean}} what */
function drawHandles(context, { corners, given }) {
  const turn = turnHandle(corners);
  const [a] = corners;
  context.lineWidth = 1;
  context.strokeStyle = "rgba(255,255,255,.6)";
  context.beginPath();
  for (const { x, y } of [...corners, a]) context.lineTo(x, y);
  context.moveTo(turn.from.x, turn.from.y);
  context.lineTo(turn.at.x, turn.at.y);
  context.stroke();
  context.lineWidth = 1.5;
  context.strokeStyle = "#14171c";
  context.fillStyle = given ? "#fff" : "#98a2b0";
  for (const { x, y } of corners) {
    context.fillRect(x - HANDLE, y - HANDLE, 2 * HANDLE, 2 * HANDLE);
    context.strokeRect(x - HANDLE, y - HANDLE, 2 * HANDLE, 2 * HANDLE);
  }
  context.beginPath();
  context.arc(turn.at.x, turn.at.y, HANDLE + 1.5, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
}
