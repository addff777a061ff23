// @ts-check
// Several hypotheses of one frame: their outlines, and how far they differ at each pixel, as a picture.
import { penOf } from "./elements.js";
import { boundsOf, outline, rowsOf } from "./trace.js";
/** @import { DrawnHypotheses, HypothesesAnswer, Rect, Rows, Size } from "./types.d.ts" */

const MARGIN = 0.2; // of the object's size, around it in a tile
const LEAST_MARGIN = 8; // canvas pixels
/** From no disagreement to half of the hypotheses saying otherwise: [r, g, b]. */
const COLD = [255, 224, 90];
const HOT = [255, 70, 70];
const HEAT_ALPHA = 0.85;

/**
 * The part of the canvas that a tile shows: the object with some room around it.
 * @param {Rect} bounds
 * @param {Size} canvasSize
 */
function cropOf(bounds, [width, height]) {
  const room = Math.max(LEAST_MARGIN, MARGIN * Math.max(bounds.right - bounds.left, bounds.bottom - bounds.top));
  const x = Math.max(0, Math.floor(bounds.left - room));
  const y = Math.max(0, Math.floor(bounds.top - room));
  return { x, y, width: Math.min(width, Math.ceil(bounds.right + room)) - x, height: Math.min(height, Math.ceil(bounds.bottom + room)) - y };
}

/**
 * 4 p (1 - p) at each pixel of the bounds, where p is the part of the hypotheses that have it.
 * @param {Rows[]} maps
 * @param {Rect} bounds
 */
function heatPicture(maps, bounds) {
  const width = bounds.right - bounds.left;
  const image = new ImageData(width, bounds.bottom - bounds.top);
  const votes = new Uint8Array(width * image.height);
  for (const rows of maps) {
    for (const [y, row] of rows) {
      const offset = (y - bounds.top) * width - bounds.left;
      for (let k = 0; k < row.length; k += 2) for (let x = row[k]; x < row[k + 1]; x++) votes[offset + x]++;
    }
  }
  const colours = Array.from({ length: maps.length + 1 }, (_, count) => {
    const part = count / maps.length;
    return 4 * part * (1 - part);
  });
  votes.forEach((count, index) => {
    const heat = colours[count];
    if (!heat) return;
    const mixed = COLD.map((cold, channel) => Math.round(cold + (HOT[channel] - cold) * heat));
    image.data.set([...mixed, Math.round(255 * HEAT_ALPHA * (0.35 + 0.65 * heat))], 4 * index);
  });
  const canvas = new OffscreenCanvas(image.width, image.height);
  penOf(canvas).putImageData(image, 0, 0);
  return canvas;
}

/**
 * What a frame's hypotheses look like, in canvas pixels; null when none shows anything.
 * @param {HypothesesAnswer} answer
 * @param {Size} canvasSize
 * @returns {DrawnHypotheses | null}
 */
export function drawnHypotheses({ hypotheses }, canvasSize) {
  const maps = hypotheses.map(({ runs }) => rowsOf(runs, canvasSize[0]));
  const bounds = boundsOf(maps.flatMap((rows) => [...rows]));
  if (!bounds) return null;
  const tiles = hypotheses.map(({ seed, holds }, index) => ({ seed, holds, path: outline(maps[index], canvasSize[0]) }));
  return { tiles, bounds, crop: cropOf(bounds, canvasSize), heat: maps.length > 1 ? heatPicture(maps, bounds) : null };
}
