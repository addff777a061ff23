// @ts-check
// The same one? An object comes back after it was gone: as it was seen last and as it is seen now, side by side.
import { cssOf } from "./colours.js";
import { found, partOf, penOf } from "./elements.js";
import { framePath } from "./prefetch.js";
/** @import { Edges, Return, Size } from "./types.d.ts" */
/** @import { Store } from "./store.js" */
/** @import { View } from "./view.js" */

const ROOM = 1.5; // side of a crop, in sizes of the larger box
const SMALLEST = 32; // clip pixels
const TILE = 200; // device pixels

/**
 * Two squares of one size, around what is seen before and after: both tiles show the object at the same scale.
 * @param {Edges[]} boxes
 * @returns {Edges[]}
 */
export function squaresAround(boxes) {
  const side = Math.max(SMALLEST, ...boxes.map(([x0, y0, x1, y1]) => ROOM * Math.max(x1 - x0, y1 - y0)));
  return boxes.map(([x0, y0, x1, y1]) => {
    const [x, y] = [(x0 + x1 - side) / 2, (y0 + y1 - side) / 2];
    return [x, y, x + side, y + side];
  });
}

export class SamePanel {
  /** @param {{root: HTMLElement, store: Store, view: View}} parts */
  constructor({ root, store, view }) {
    this.root = root;
    this.store = store;
    this.view = view;
    this.drawn = "";
  }

  /** Called after every picture: draws only when something it shows has changed. */
  paint() {
    const { question, chosen, labels } = this.store;
    partOf(this.root, "same").hidden = !question || this.store.playing;
    if (!question) return;
    const pictures = [question.last_seen, question.frame].map((frame) => this.view.pictures?.get(framePath(frame, null)) ?? null);
    const key = JSON.stringify([question, chosen.id, pictures.map(Boolean)]);
    if (key === this.drawn) return;
    this.drawn = key;
    const gone = question.frame - question.last_seen - 1;
    partOf(this.root, "same-title").textContent = `Is it the same ${labels.get(chosen.id ?? -1)}? It was gone for ${gone} frames.`;
    this.tiles(question, pictures);
  }

  /** @param {Return} question @param {(ImageBitmap | null)[]} pictures */
  tiles({ frame, last_seen: before, box, box_before: boxBefore }, pictures) {
    const whole = /** @type {Edges} */ ([0, 0, ...(this.store.project?.size_wh ?? [1, 1])]);
    const boxes = [boxBefore ?? whole, box ?? whole];
    const squares = squaresAround(boxes);
    for (const [i, name] of ["same-before", "same-after"].entries()) {
      this.tile(found(this.root, `[data-part="${name}"]`, HTMLCanvasElement), { picture: pictures[i], square: squares[i], box: boxes[i] });
    }
    partOf(this.root, "same-before-text").textContent = `frame ${before}, seen last`;
    partOf(this.root, "same-after-text").textContent = `frame ${frame}, back again`;
  }

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {{picture: ImageBitmap | null, square: Edges, box: Edges}} what
   */
  tile(canvas, { picture, square: [x0, y0, x1], box }) {
    Object.assign(canvas, { width: TILE, height: TILE });
    const context = penOf(canvas);
    context.fillStyle = "#0d0f12";
    context.fillRect(0, 0, TILE, TILE);
    if (!picture) return;
    const [width, height] = this.store.project?.size_wh ?? /** @type {Size} */ ([1, 1]);
    const scale = TILE / (x1 - x0);
    context.setTransform(scale, 0, 0, scale, -x0 * scale, -y0 * scale);
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, 0, 0, width, height);
    context.strokeStyle = cssOf(this.store.chosen.id);
    context.lineWidth = 2 / scale;
    context.strokeRect(box[0], box[1], box[2] - box[0], box[3] - box[1]);
  }
}
