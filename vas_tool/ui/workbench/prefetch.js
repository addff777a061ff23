// @ts-check
// Which pictures and masks to load now: the frame on screen first, then its neighbours, nearest first.
import { scenePath, showsScene } from "./scene.js";
import { BIT } from "./store.js";
/** @import { Task } from "./types.d.ts" */
/** @import { Api } from "./api.js" */
/** @import { Pictures } from "./frames.js" */
/** @import { Masks } from "./masks.js" */
/** @import { Store } from "./store.js" */

const REACH = 6; // frames each way
const REACH_PLAYING = 16; // ahead

/**
 * Frames worth having around the playhead, most wanted first.
 * @param {number} frame
 * @param {{count: number, playing: boolean}} how
 */
function neighbours(frame, { count, playing }) {
  const order = [frame];
  const reach = playing ? REACH_PLAYING : REACH;
  for (let step = 1; step <= reach; step++) {
    order.push(frame + step);
    if (!playing) order.push(frame - step);
  }
  return order.filter((index) => index >= 0 && index < count);
}

/** @type {(frame: number, width: number | null) => string} */
export const framePath = (frame, width) => `frames/${frame}.jpg${width ? `?w=${width}` : ""}`;
/** @type {(store: Store, id: number, frame: number) => string} */
export const contentPath = (store, id, frame) => `content/${id}/${frame}.png?v=${store.stampOf(frame)}`;
/** @type {(store: Store, frame: number) => string} */
export const depthPath = (store, frame) => `depth/${frame}.png?v=${store.stampOf(frame)}`;

/** Objects whose masks are drawn: all, or only the chosen one. @param {Store} store */
export function drawnObjects(store) {
  const objects = store.state?.objects ?? [];
  return store.layers.others ? objects : objects.filter((object) => object.id === store.chosen.id);
}

/**
 * May this frame have masks at all? If not there is nothing to ask for.
 * @param {Store} store
 * @param {number} frame
 */
export function mayHaveMasks(store, frame) {
  return (store.state?.objects ?? []).some((object) => store.frameBits(object.id, frame) & (BIT.modal | BIT.amodal));
}

/**
 * Is there depth on this frame? Asking earlier would only be refused.
 * @param {Store} store
 * @param {number} frame
 */
function hasDepth(store, frame) {
  return (store.state?.depth ?? []).some(([first, last]) => first <= frame && frame <= last);
}

/**
 * Paths of the extra pictures that the layers switched on need on this frame.
 * @param {Store} store
 * @param {number} frame
 */
function layerPaths(store, frame) {
  /** @type {string[]} */
  const paths = [];
  if (store.layers.depth && hasDepth(store, frame)) paths.push(depthPath(store, frame));
  if (!store.layers.content) return paths;
  for (const object of drawnObjects(store)) {
    if (store.frameBits(object.id, frame) & BIT.content) paths.push(contentPath(store, object.id, frame));
  }
  return paths;
}

/** @type {(store: Store) => boolean} */
const hasBoxes = (store) => Boolean(store.chosenObject?.amodal_boxes.length);

/**
 * The list for Loader.want. `onLoaded(frame)` is called when something for that frame arrived.
 * @param {{store: Store, api: Api, pictures: Pictures, masks: Masks, width: number | null, onLoaded: (frame: number) => void}} what
 */
export function loadList({ store, api, pictures, masks, width, onLoaded }) {
  /** @type {Task[]} */
  const tasks = [];
  const { frame, frameCount: count, playing } = store;
  for (const index of neighbours(frame, { count, playing })) {
    const scene = showsScene(store) ? [scenePath(store, index)] : [];
    for (const path of [framePath(index, width), ...scene, ...layerPaths(store, index)]) {
      if (pictures.get(path) !== undefined) continue;
      tasks.push({ key: path, run: (signal) => pictures.load(path, signal).then(() => onLoaded(index)) });
    }
    if (mayHaveMasks(store, index) && masks.needs(index)) {
      /** @param {AbortSignal} signal */
      const run = (signal) => masks.load(api, index, signal).then(() => onLoaded(index));
      tasks.push({ key: `masks/${index}/${store.stampOf(index)}`, run });
    }
  }
  const whole = framePath(frame, null); // last: the crop's preview shows what a smaller picture has no more
  if (!playing && hasBoxes(store) && pictures.get(whole) === undefined && !tasks.some(({ key }) => key === whole)) {
    tasks.push({ key: whole, run: (signal) => pictures.load(whole, signal).then(() => onLoaded(frame)) });
  }
  for (const index of playing || !store.question ? [] : [frame, store.question.last_seen]) {
    const path = framePath(index, null);
    if (pictures.get(path) !== undefined || tasks.some(({ key }) => key === path)) continue;
    tasks.push({ key: path, run: (signal) => pictures.load(path, signal).then(() => onLoaded(frame)) });
  }
  return tasks;
}
