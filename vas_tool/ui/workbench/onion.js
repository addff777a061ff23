// @ts-check
// Onion skin: the outlines of the chosen object on the three frames before and after, under the brush.
import { Lru } from "./lru.js";
import { outline, rowsOf } from "./trace.js";
/** @import { Canvas, ObjectMasks, Project } from "./types.d.ts" */
/** @import { Masks } from "./masks.js" */
/** @import { Store } from "./store.js" */

export const REACH = 3; // frames each way
const KEPT = 40;
const [BEFORE, AFTER] = ["120,200,255", "255,170,90"];
/** Before: long dashes. After: dots. Told apart without colour. */
const [DASHES, DOTS] = [[6, 4], [1.5, 3.5]];

/**
 * The frames whose outlines are shown, the farthest first: it is drawn beneath.
 * @param {number} frame
 * @param {number} count
 */
export function skinsOf(frame, count) {
  const found = [];
  for (let step = REACH; step > 0; step--) found.push(frame - step, frame + step);
  return found.filter((each) => each >= 0 && each < count);
}

export class OnionSkin {
  /** @param {{store: Store, masks: Masks}} parts */
  constructor({ store, masks }) {
    this.store = store;
    this.masks = masks;
    /** @type {Lru<string, Path2D>} */
    this.paths = new Lru(KEPT);
  }

  /** What is shown beside a frame: [frame, number of its answer] of each outline. @param {number} frame @returns {[number, number][]} */
  on(frame) {
    const { store } = this;
    if (!store.layers.onion || store.playing || store.chosen.id === null) return [];
    return skinsOf(frame, store.frameCount).flatMap((each) => {
      const entry = this.masks.get(each);
      return entry?.objects[store.chosen.id ?? -1] ? [[each, entry.serial]] : [];
    });
  }

  /**
   * `context` is in clip pixels; `scale`: css pixels of one of them.
   * @param {CanvasRenderingContext2D} context
   * @param {{frame: number, project: Project, scale: number}} what
   */
  draw(context, { frame, project, scale }) {
    const { left, top } = project.canvas;
    context.save();
    context.translate(-left, -top);
    for (const [each, serial] of this.on(frame)) {
      const masks = this.masks.get(each)?.objects[this.store.chosen.id ?? -1];
      if (!masks) continue;
      const isBefore = each < frame;
      const path = this.path(`${each}/${this.store.chosen.id}/${serial}`, masks, project);
      const alpha = 1.15 - Math.abs(each - frame) / 4;
      context.setLineDash((isBefore ? DASHES : DOTS).map((length) => length / scale));
      /** @type {[number, string][]} */
      const lines = [[3.5, "0,0,0"], [1.8, isBefore ? BEFORE : AFTER]]; // dark beneath: readable on every picture
      for (const [width, colour] of lines) {
        context.lineWidth = width / scale;
        context.strokeStyle = `rgba(${colour},${alpha})`;
        context.stroke(path);
      }
    }
    context.restore();
  }

  /** The outline of the whole object in canvas pixels; of what is seen where there is no amodal mask. @param {string} key @param {ObjectMasks} masks @param {Project} project */
  path(key, { modal, amodal }, { canvas, size_wh: size }) {
    const known = this.paths.get(key);
    if (known) return known;
    const path = amodal ? outline(rowsOf(amodal, canvas.size_wh[0]), canvas.size_wh[0]) : shifted(outline(rowsOf(modal, size[0]), size[0]), canvas);
    this.paths.set(key, path);
    return path;
  }
}

/** @param {Path2D} path @param {Canvas} canvas */
function shifted(path, { left, top }) {
  const moved = new Path2D();
  moved.addPath(path, new DOMMatrix().translate(left, top));
  return moved;
}
