// @ts-check
// Nothing in front here: the pixels of the hidden part that nothing can hide, hatched in red, also under the brush.
import { penOf } from "./elements.js";
import { PerFrame } from "./per_frame.js";
import { BIT } from "./store.js";
import { applyStroke } from "./strokes.js";
/** @import { Canvas, ObjectMasks, OpenAnswer, Runs, Size, Stroke } from "./types.d.ts" */
/** @import { Store } from "./store.js" */

const HATCHES = 90; // lines across the canvas's width: the same look at every clip size
const RED = [255, 48, 64];
const [STRONG, WEAK] = [0.95, 0.28];

/** A red pixel of ImageData. @param {number} alpha */
const red = (alpha) => ((Math.round(255 * alpha) << 24) | (RED[2] << 16) | (RED[1] << 8) | RED[0]) >>> 0;

/**
 * Fill runs of a picture with hatching that leans the other way than that of the hidden part.
 * @param {Runs} runs
 * @param {Size} size
 * @returns {ImageData}
 */
export function hatched(runs, [width, height]) {
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const period = Math.max(5, Math.round(width / HATCHES));
  const thick = Math.max(2, Math.round(0.35 * period));
  for (let k = 0; k < runs.length; k += 2) {
    for (let at = runs[k]; at < runs[k + 1]; at++) {
      const x = at % width;
      const y = (at - x) / width;
      pixels[at] = red((((x - y) % period) + period) % period < thick ? STRONG : WEAK);
    }
  }
  return image;
}

/** @param {Runs} runs @param {Size} size */
function plain(runs, [width, height]) {
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let k = 0; k < runs.length; k += 2) pixels.fill(0xff000000, runs[k], runs[k + 1]);
  return canvasOf(image);
}

/** @param {ImageData} image */
function canvasOf(image) {
  const canvas = new OffscreenCanvas(image.width, image.height);
  penOf(canvas).putImageData(image, 0, 0);
  return canvas;
}

/** What is known of one frame. @typedef {{hatch: OffscreenCanvas | null}} Open */

/** @extends {PerFrame<Open>} */
export class OpenPart extends PerFrame {
  /** @param {{store: Store, onLoaded: () => void}} parts */
  constructor({ store, onLoaded }) {
    /** @param {OpenAnswer} answer @returns {Open} */
    const read = ({ runs }) => ({ hatch: runs?.length ? canvasOf(hatched(runs, store.project?.canvas.size_wh ?? [1, 1])) : null });
    super({ store, onLoaded, read });
    this.drawnKey = "";
    /** @type {OffscreenCanvas | null} */
    this.drawn = null;
  }

  /** Where nothing could hide the chosen object, on a frame on which it has a hidden part. @param {number} frame */
  on(frame) {
    const { chosen: { id }, layers, playing } = this.store;
    if (id === null || !layers.open || playing || frame !== this.store.frame || !(this.store.frameBits(id, frame) & BIT.amodal)) return null;
    return this.get(`open/${id}/${frame}`)?.hatch ?? null;
  }

  /**
   * On the picture; `context` is in clip pixels.
   * @param {CanvasRenderingContext2D} context
   * @param {{frame: number, masks: ObjectMasks | undefined, key: string, strokes: Stroke[], canvas: Canvas, size: Size}} what  `key` stands for the masks
   */
  draw(context, { frame, masks, key, strokes, canvas, size }) {
    const hatch = this.on(frame);
    if (!hatch || !masks?.amodal) return;
    const whole = `${key}/${this.serial}`;
    if (strokes.length || whole !== this.drawnKey || !this.drawn) {
      this.drawn = this.compose({ hatch, modal: masks.modal, amodal: masks.amodal, strokes, canvas, size });
      this.drawnKey = strokes.length ? "" : whole;
    }
    context.drawImage(this.drawn, -canvas.left, -canvas.top);
  }

  /**
   * The hatching, cut to the amodal mask without the modal one, as the strokes leave both.
   * @param {{hatch: OffscreenCanvas, modal: Runs, amodal: Runs, strokes: Stroke[], canvas: Canvas, size: Size}} what
   */
  compose({ hatch, modal, amodal, strokes, canvas, size }) {
    const hidden = plain(amodal, canvas.size_wh);
    const seen = plain(modal, size);
    const pen = penOf(hidden);
    const seenPen = penOf(seen);
    pen.translate(canvas.left, canvas.top);
    for (const stroke of strokes) applyStroke(stroke.layer === "amodal" ? pen : seenPen, stroke, "#000");
    pen.globalCompositeOperation = "destination-out";
    pen.drawImage(seen, 0, 0);
    pen.globalCompositeOperation = "source-in";
    pen.drawImage(hatch, -canvas.left, -canvas.top);
    return hidden;
  }
}
