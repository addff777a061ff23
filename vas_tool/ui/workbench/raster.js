// @ts-check
// Row runs -> a small offscreen canvas (only the mask's bounding box) plus its outlines.
import { pixelOf } from "./colours.js";
import { penOf } from "./elements.js";
import { boundsOf, outline, rowsOf, subtractRows } from "./trace.js";
/** @import { FillLayers, ObjectMasks, Project, Raster, Rect, Rows } from "./types.d.ts" */

const MODAL_ALPHA = 0.45;
const HATCH_STRONG = 0.7;
const HATCH_WEAK = 0.14;
/** Hatch lines across the clip's width: the same look at every clip size. */
const HATCHES = 110;

/** Frame rows -> canvas rows. @param {Rows} rows @param {number} dx @param {number} dy @returns {Rows} */
function shiftRows(rows, dx, dy) {
  const shifted = new Map();
  for (const [y, row] of rows) shifted.set(y + dy, row.map((x) => x + dx));
  return shifted;
}

/**
 * One row of diagonal hatching, long enough to be cut at any phase.
 * @param {number} id
 * @param {{length: number, period: number}} how
 */
function hatchRow(id, { length, period }) {
  const row = new Uint32Array(length + period);
  const strong = pixelOf(id, HATCH_STRONG);
  const weak = pixelOf(id, HATCH_WEAK);
  for (let x = 0; x < row.length; x++) row[x] = x % period < period * 0.4 ? strong : weak;
  return row;
}

/**
 * Draw one object's masks of one frame.
 * @returns {Raster} x, y in frame pixels (negative on the padding);
 *   the paths in canvas pixels
 * @param {{id: number, masks: ObjectMasks, layers: FillLayers, project: Project}} what
 */
export function rasterize({ id, masks, layers, project }) {
  const { left, top, size_wh: canvasSize } = project.canvas;
  const modal = shiftRows(rowsOf(masks.modal, project.size_wh[0]), left, top);
  const amodal = masks.amodal ? rowsOf(masks.amodal, canvasSize[0]) : new Map();
  const box = boundsOf([...modal, ...amodal]);
  const picture = box ? fill({ id, modal, amodal, box, layers, period: Math.max(5, Math.round(canvasSize[0] / HATCHES)) }) : null;
  return {
    canvas: picture,
    x: (box?.left ?? 0) - left,
    y: (box?.top ?? 0) - top,
    bounds: box,
    modalPath: outline(modal, canvasSize[0]),
    hiddenPath: outline(subtractRows(amodal, modal), canvasSize[0]),
    bytes: 4 * (picture ? picture.width * picture.height : 1),
  };
}

/** @param {{id: number, modal: Rows, amodal: Rows, box: Rect, layers: FillLayers, period: number}} what */
function fill({ id, modal, amodal, box, layers, period }) {
  const width = box.right - box.left;
  const image = new ImageData(width, box.bottom - box.top);
  const pixels = new Uint32Array(image.data.buffer);
  if (layers.hidden) fillHatched({ pixels, width, rows: amodal, box, id, period });
  // What is seen is painted over the whole: what stays hatched is the hidden part.
  fillPlain({ pixels, width, rows: modal, box, colour: layers.modal ? pixelOf(id, MODAL_ALPHA) : 0 });
  const canvas = new OffscreenCanvas(image.width, image.height);
  penOf(canvas).putImageData(image, 0, 0);
  return canvas;
}

/** @param {{pixels: Uint32Array, width: number, rows: Rows, box: Rect, id: number, period: number}} what */
function fillHatched({ pixels, width, rows, box, id, period }) {
  const hatch = hatchRow(id, { length: width, period });
  for (const [y, row] of rows) {
    const offset = (y - box.top) * width - box.left;
    for (let k = 0; k < row.length; k += 2) {
      const phase = (row[k] + y) % period;
      pixels.set(hatch.subarray(phase, phase + row[k + 1] - row[k]), offset + row[k]);
    }
  }
}

/** @param {{pixels: Uint32Array, width: number, rows: Rows, box: Rect, colour: number}} what */
function fillPlain({ pixels, width, rows, box, colour }) {
  for (const [y, row] of rows) {
    const offset = (y - box.top) * width - box.left;
    for (let k = 0; k < row.length; k += 2) pixels.fill(colour, offset + row[k], offset + row[k + 1]);
  }
}
