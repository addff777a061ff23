// @ts-check
// The hypotheses of the chosen object on the frame that is looked at: asked for when they are shown, kept while they hold.
import { drawnHypotheses } from "./heat.js";
import { Lru } from "./lru.js";
/** @import { HypothesesAnswer, KnownHypotheses } from "./types.d.ts" */
/** @import { Api } from "./api.js" */
/** @import { Store } from "./store.js" */

const FRAMES_KEPT = 48;
const AGAIN_MS = 1500; // after an answer that did not come

export class Hypotheses {
  /** @param {{store: Store, onLoaded: () => void}} parts */
  constructor({ store, onLoaded }) {
    this.store = store;
    this.onLoaded = onLoaded;
    /** @type {Api | null} */
    this.api = null;
    this.serial = 0; // grows with every answer: a drawing made before it may be old
    /** @type {Lru<string, KnownHypotheses>} */
    this.kept = new Lru(FRAMES_KEPT);
    /** @type {KnownHypotheses | null} the one that was looked at last */
    this.last = null;
    /** @type {{key: string, control: AbortController} | null} */
    this.running = null;
    this.restUntil = 0;
  }

  clear() {
    this.kept.clear();
    this.running?.control.abort();
    this.running = null;
  }

  /** @param {number} id @param {number} frame */
  keyOf(id, frame) {
    return `${id}/${frame}/${this.store.version}`;
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
    const { store } = this;
    const { id } = store.chosen;
    if (id === null || this.differ(id, store.frame) === null) return null;
    const found = this.kept.get(this.keyOf(id, store.frame));
    if (!found) this.load(id, store.frame);
    else this.last = found;
    const stands = this.last?.answer.object === id && this.last.answer.frame === store.frame;
    return found ?? (stands ? this.last : null);
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

  /** @param {number} id @param {number} frame */
  async load(id, frame) {
    const key = this.keyOf(id, frame);
    const { api } = this;
    const { project } = this.store;
    if (!project || !api || api.isLost || this.running?.key === key || performance.now() < this.restUntil) return;
    this.running?.control.abort();
    const running = { key, control: new AbortController() };
    this.running = running;
    try {
      /** @type {HypothesesAnswer} */
      const answer = await api.getJson(`hypotheses/${id}/${frame}`, running.control.signal);
      const drawn = drawnHypotheses(answer, project.canvas.size_wh);
      this.kept.set(key, { answer, drawn }, 1);
      this.serial++;
      this.onLoaded();
    } catch {
      if (!running.control.signal.aborted) this.restUntil = performance.now() + AGAIN_MS;
    }
    if (this.running === running) this.running = null;
  }
}
