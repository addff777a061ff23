// @ts-check
// Brush strokes shown before the server has answered.
import { cssOf } from "./colours.js";
import { penOf } from "./elements.js";
/** @import { Canvas, Raster, Size, Stroke } from "./types.d.ts" */
/** @import { Store } from "./store.js" */

const FILL_ALPHA = { modal: 0.45, amodal: 0.3 };
/** @type {OffscreenCanvas | null} */
let scratch = null;

/**
 * Unanswered strokes and the one being drawn, for one object on one frame. `id` null: an object not yet made.
 * @param {{store: Store, active: Stroke | null, frame: number, id: number | null}} what
 */
export function strokesFor({ store, active, frame, id }) {
  const waiting = store.pending.filter((item) => item.kind === "stroke");
  const all = active ? [...waiting, active] : waiting;
  return all.filter((stroke) => stroke.frame === frame && stroke.handle.id === id);
}

/** @param {Size} size */
function scratchFor([width, height]) {
  if (scratch?.width !== width || scratch?.height !== height) scratch = new OffscreenCanvas(width, height);
  const context = penOf(scratch);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.globalCompositeOperation = "source-over";
  context.clearRect(0, 0, width, height);
  return context;
}

/** @param {Stroke} stroke */
function pathOf({ points }) {
  const path = new Path2D();
  const [first, ...rest] = points;
  path.moveTo(first[0], first[1]);
  // A line of no length is not drawn: a tap needs a hair of one.
  path.lineTo(first[0] + 0.01, first[1]);
  for (const [x, y] of rest) path.lineTo(x, y);
  return path;
}

/** In clip pixels. @param {OffscreenCanvasRenderingContext2D} context @param {Stroke} stroke @param {string} style */
export function applyStroke(context, stroke, style) {
  const path = pathOf(stroke);
  context.lineWidth = 2 * stroke.radius;
  context.lineCap = context.lineJoin = "round";
  // Clearing first keeps the colour even where the stroke crosses the mask or itself.
  context.globalCompositeOperation = "destination-out";
  context.strokeStyle = "#000";
  context.stroke(path);
  if (!stroke.adds) return;
  context.globalCompositeOperation = "source-over";
  context.strokeStyle = style;
  context.stroke(path);
}

/**
 * Draw an object's mask with its unanswered strokes applied, into a context in clip pixels.
 * @param {CanvasRenderingContext2D} target
 * @param {{raster: Raster | null, strokes: Stroke[], id: number | null, canvas: Canvas}} what
 */
export function paintStrokes(target, { raster, strokes, id, canvas }) {
  const context = scratchFor(canvas.size_wh);
  context.translate(canvas.left, canvas.top);
  if (raster?.canvas) context.drawImage(raster.canvas, raster.x, raster.y);
  for (const stroke of strokes) applyStroke(context, stroke, cssOf(id, FILL_ALPHA[stroke.layer]));
  target.drawImage(context.canvas, -canvas.left, -canvas.top);
}
