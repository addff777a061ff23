// @ts-check
// The masks of each frame as the server sent them (row runs), and the drawings made from them.
import { Lru } from "./lru.js";
import { rasterize } from "./raster.js";
/** @import { FillLayers, MasksAnswer, MasksEntry, Raster } from "./types.d.ts" */
/** @import { Api } from "./api.js" */
/** @import { Store } from "./store.js" */

const KEPT_RUNS = 4e6; // numbers, about 32 MB
const RASTER_BYTES = 64e6;

/** @type {(objects: MasksAnswer["objects"]) => number} */
const runsIn = (objects) =>
  Object.values(objects).reduce((sum, { modal, amodal }) => sum + modal.length + (amodal?.length ?? 0) + 64, 0);

export class Masks {
  /** @param {Store} store */
  constructor(store) {
    this.store = store;
    /** @type {Lru<number, MasksEntry>} */
    this.frames = new Lru(KEPT_RUNS);
    /** @type {Lru<string, Raster>} */
    this.rasters = new Lru(RASTER_BYTES);
    this.serial = 0;
  }

  /**
   * What is known of a frame's masks, newest or not: {objects, stamp, serial} or undefined.
   * @param {number} frame
   */
  get(frame) {
    return this.frames.get(frame);
  }

  /** Is there something newer on the server (or nothing here yet)? @param {number} frame */
  needs(frame) {
    const entry = this.frames.get(frame);
    return !entry || entry.stamp < this.store.stampOf(frame);
  }

  /**
   * Keep an answer unless a newer one is already here. `stamp` is the state version it is at least as new as.
   * @param {number} frame
   * @param {MasksAnswer["objects"]} objects
   * @param {number} stamp
   */
  put(frame, objects, stamp) {
    const known = this.frames.get(frame);
    if (known && known.stamp > stamp) return false;
    this.frames.set(frame, { objects, stamp, serial: ++this.serial }, runsIn(objects));
    return true;
  }

  /** @param {Api} api @param {number} frame @param {AbortSignal} signal */
  async load(api, frame, signal) {
    const stamp = this.store.version ?? 0;
    /** @type {MasksAnswer} */
    const answer = await api.getJson(`masks/${frame}`, signal);
    return this.put(answer.frame, answer.objects, stamp);
  }

  /**
   * The drawing of one object on one frame, made once per answer and choice of layers.
   * @param {number} frame
   * @param {number | null} id
   * @param {FillLayers} layers
   */
  raster(frame, id, layers) {
    if (id === null) return null;
    const entry = this.frames.get(frame);
    const masks = entry?.objects[id];
    const { project } = this.store;
    if (!entry || !masks || !project) return null;
    const key = `${frame}/${id}/${entry.serial}/${+layers.modal}${+layers.hidden}`;
    let raster = this.rasters.get(key);
    if (!raster) {
      raster = rasterize({ id, masks, layers, project });
      this.rasters.set(key, raster, raster.bytes);
    }
    return raster;
  }

  clear() {
    this.frames.clear();
    this.rasters.clear();
  }
}
