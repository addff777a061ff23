// @ts-check
// A tile of the tray: the object's part of the frame with one hypothesis over it, or with where they differ.
import { cssOf } from "./colours.js";
import { penOf } from "./elements.js";
/** @import { DrawnHypotheses, HypothesisTile, Project } from "./types.d.ts" */

const TILE = { width: 136, height: 92 }; // css pixels
const FILL_ALPHA = 0.28;
const LINE = 2; // css pixels

/**
 * @param {HTMLCanvasElement} canvas
 * @param {object} what
 * @param {ImageBitmap | null} what.picture
 * @param {Project} what.project
 * @param {DrawnHypotheses} what.drawn
 * @param {HypothesisTile | null} what.tile  null: where the hypotheses differ
 * @param {number | null} what.id
 */
export function paintTile(canvas, { picture, project, drawn, tile, id }) {
  const ratio = window.devicePixelRatio || 1;
  Object.assign(canvas, { width: Math.round(TILE.width * ratio), height: Math.round(TILE.height * ratio) });
  Object.assign(canvas.style, { width: `${TILE.width}px`, height: `${TILE.height}px` });
  const { crop, heat, bounds } = drawn;
  const scale = ratio * Math.min(TILE.width / crop.width, TILE.height / crop.height);
  const context = penOf(canvas);
  context.fillStyle = "#0d0f12";
  context.fillRect(0, 0, canvas.width, canvas.height);
  const left = (canvas.width - crop.width * scale) / 2 - crop.x * scale;
  const top = (canvas.height - crop.height * scale) / 2 - crop.y * scale;
  context.setTransform(scale, 0, 0, scale, left, top);
  context.beginPath();
  context.rect(crop.x, crop.y, crop.width, crop.height);
  context.clip();
  const [width, height] = project.size_wh;
  if (picture) context.drawImage(picture, project.canvas.left, project.canvas.top, width, height);
  if (!tile) return heat ? context.drawImage(heat, bounds.left, bounds.top) : undefined;
  context.fillStyle = cssOf(id, FILL_ALPHA);
  context.fill(tile.path);
  /** @type {[number, string][]} */
  const lines = [[2 * LINE, "rgba(0,0,0,.5)"], [LINE, cssOf(id)]];
  for (const [line, style] of lines) {
    context.lineWidth = (line * ratio) / scale;
    context.strokeStyle = style;
    context.stroke(tile.path);
  }
  return undefined;
}
