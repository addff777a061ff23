// @ts-check
// Thumbnails of the clip above the timeline, on demand: as many as fit, each over the frame it shows.
import { penOf } from "./elements.js";
import { framePath } from "./prefetch.js";
/** @import { Task } from "./types.d.ts" */
/** @import { Pictures } from "./frames.js" */
/** @import { Store } from "./store.js" */

const HEIGHT = 48; // css pixels
const PICTURE_WIDTH = 160; // clips of two megapixels and a screen of two pixels a css pixel look sharp enough
const GAP = 2; // css pixels between two thumbnails

/**
 * The frames to show and where: one over each cell if there is room, else spread evenly over the clip.
 * @param {{count: number, left: number, right: number, wide: number}} how  css pixels of the strip, and of a thumbnail
 * @returns {{frame: number, x: number}[]}  x: of the thumbnail's left edge
 */
export function thumbnails({ count, left, right, wide }) {
  const cell = (right - left) / count;
  const shown = Math.min(count, Math.max(1, Math.floor((right - left) / (wide + GAP))));
  const room = (right - left) / shown;
  return Array.from({ length: shown }, (_, index) => {
    const middle = left + (index + 0.5) * room;
    return { frame: Math.min(count - 1, Math.floor((middle - left) / cell)), x: middle - wide / 2 };
  });
}

export class Filmstrip {
  /** @param {{canvas: HTMLCanvasElement, store: Store, strip: () => {left: number, right: number}}} parts
   *    strip: where the timeline has its cells, css pixels */
  constructor({ canvas, store, strip }) {
    this.canvas = canvas;
    this.store = store;
    /** @type {Pictures | null} */
    this.pictures = null;
    this.strip = strip;
  }

  /** What is on the strip now: nothing while it is closed. */
  get shown() {
    const { project, frameCount: count, filmstrip } = this.store;
    const { left, right } = this.strip();
    if (!filmstrip || !project || !count || right <= left) return [];
    return thumbnails({ count, left, right, wide: (HEIGHT * project.size_wh[0]) / project.size_wh[1] });
  }

  /** @param {number} frame */
  pathOf(frame) {
    const width = this.store.project?.size_wh[0] ?? 0;
    return framePath(frame, width > PICTURE_WIDTH ? PICTURE_WIDTH : null);
  }

  /** What is still to load. @param {() => void} onLoaded @returns {Task[]} */
  tasks(onLoaded) {
    const { pictures } = this;
    if (!pictures) return [];
    const paths = this.shown.map(({ frame }) => this.pathOf(frame)).filter((path) => pictures.get(path) === undefined);
    return paths.map((path) => ({ key: path, run: (signal) => pictures.load(path, signal).then(onLoaded) }));
  }

  /** @param {{width: number, ratio: number, head: number, colour: string}} how  head: the middle of the frame on screen */
  draw({ width, ratio, head, colour }) {
    this.canvas.hidden = !this.store.filmstrip;
    if (this.canvas.hidden) return;
    Object.assign(this.canvas, { width: Math.round(width * ratio), height: Math.round(HEIGHT * ratio) });
    Object.assign(this.canvas.style, { width: `${width}px`, height: `${HEIGHT}px` });
    const context = penOf(this.canvas);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    for (const { frame, x } of this.shown) this.drawOne(context, { frame, x });
    context.fillStyle = colour;
    context.fillRect(head - 1, 0, 2, HEIGHT);
  }

  /** @param {CanvasRenderingContext2D} context @param {{frame: number, x: number}} what */
  drawOne(context, { frame, x }) {
    const [width, height] = this.store.project?.size_wh ?? [1, 1];
    const picture = this.pictures?.get(this.pathOf(frame));
    context.fillStyle = "#1d2129";
    context.fillRect(x, 1, (HEIGHT * width) / height, HEIGHT - 2);
    if (picture) context.drawImage(picture, x, 1, (HEIGHT * width) / height, HEIGHT - 2);
  }
}
