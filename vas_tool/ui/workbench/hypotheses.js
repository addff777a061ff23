// @ts-check
// The hypotheses of the chosen object on the frame that is looked at.
import { drawnHypotheses } from "./heat.js";
import { PerFrame } from "./per_frame.js";
/** @import { HypothesesAnswer, KnownHypotheses, Size } from "./types.d.ts" */
/** @import { Store } from "./store.js" */

/** @extends {PerFrame<KnownHypotheses>} */
export class Hypotheses extends PerFrame {
  /** @param {{store: Store, onLoaded: () => void}} parts */
  constructor({ store, onLoaded }) {
    /** @type {(answer: HypothesesAnswer) => KnownHypotheses} */
    const read = (answer) => ({ answer, drawn: drawnHypotheses(answer, store.project?.canvas.size_wh ?? /** @type {Size} */ ([1, 1])) });
    super({ store, onLoaded, read });
  }

  /**
   * How far the hypotheses of an object differ on a frame: null = there are none, else 0..1.
   * @param {number} id
   * @param {number} frame
   */
  differ(id, frame) {
    const level = this.store.differ.get(id)?.[frame] ?? 0;
    return level ? (level - 1) / 254 : null;
  }

  /** What is known of the chosen object's hypotheses here: {answer, drawn}, of an earlier version if need be; or null. */
  here() {
    const { chosen: { id }, frame } = this.store;
    return id === null || this.differ(id, frame) === null ? null : this.get(`hypotheses/${id}/${frame}`);
  }

  /** Where they differ on a frame, when that is to be shown. @param {number} frame */
  heatOn(frame) {
    const here = this.store.layers.differ ? this.here() : null;
    return here?.answer.frame === frame ? here.drawn : null;
  }

  /**
   * On the picture; `context` is in clip pixels.
   * @param {CanvasRenderingContext2D} context
   * @param {number} frame
   */
  drawHeat(context, frame) {
    const drawn = this.heatOn(frame);
    const { project } = this.store;
    if (!drawn?.heat || !project) return;
    const { left, top } = project.canvas;
    context.drawImage(drawn.heat, drawn.bounds.left - left, drawn.bounds.top - top);
  }
}
