// @ts-check
// Drawn in clip pixels, under the overlays: the outlines of an object's masks, and the work area around the frame.
import { cssOf } from "./colours.js";
/** @import { Canvas, Layers, Raster } from "./types.d.ts" */

const DASH = [7, 5]; // css pixels

/**
 * The part of the work area outside the frame: plainly not picture, but there.
 * @param {CanvasRenderingContext2D} context
 * @param {{canvas: Canvas, scale: number}} what  scale: css pixels of a clip pixel
 */
export function drawPadding(context, { canvas: { left, top, size_wh: [width, height] }, scale }) {
  context.fillStyle = "#1b1f25";
  context.fillRect(-left, -top, width, height);
  context.lineWidth = 1 / scale;
  context.setLineDash([4 / scale, 4 / scale]);
  context.strokeStyle = "#4a5361";
  context.strokeRect(-left, -top, width, height);
  context.setLineDash([]);
  context.fillStyle = "#77818f";
  context.font = `${11 / scale}px system-ui, sans-serif`;
  context.fillText("outside the picture", -left + 6 / scale, -top + 15 / scale);
}

/**
 * The modal outline, and dashed that of the hidden part, where those layers are on.
 * @param {CanvasRenderingContext2D} context
 * @param {{raster: Raster, id: number | null, isChosen: boolean, canvas: Canvas, layers: Layers, scale: number}} what
 */
export function drawOutlines(context, { raster, id, isChosen, canvas, layers, scale }) {
  const width = (isChosen ? 2 : 1) / scale;
  context.save();
  context.translate(-canvas.left, -canvas.top);
  context.setLineDash(DASH.map((length) => length / scale));
  if (layers.hidden) strokePath(context, { path: raster.hiddenPath, id, width, isChosen });
  context.setLineDash([]);
  if (layers.modal) strokePath(context, { path: raster.modalPath, id, width, isChosen });
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{path: Path2D, id: number | null, width: number, isChosen: boolean}} what
 */
function strokePath(context, { path, id, width, isChosen }) {
  context.lineJoin = "round";
  if (isChosen) {
    // A dark line beneath keeps the outline readable on a picture of the same colour.
    context.lineWidth = width * 2;
    context.strokeStyle = "rgba(0,0,0,.45)";
    context.stroke(path);
  }
  context.lineWidth = width;
  context.strokeStyle = cssOf(id);
  context.stroke(path);
}
