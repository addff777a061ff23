// @ts-check
// What the page knows: the server's last state, and what only this page decides (frame, chosen object, tool, layers).
// Panels subscribe to kinds of change; nothing here touches the document.

import { bytesOf, thingOf } from "./answers.js";
import { giveColours } from "./colours.js";
/** @import { Change, Handle, Known, LayerName, Layers, MaskLayer, Pending, Place, Reason, Stage, State, Tool } from "./types.d.ts" */

export const BIT = { prompted: 1, modal: 2, amodal: 4, occluded: 8, accepted: 16, stale: 32, look: 64, content: 128 };
/** @type {LayerName[]} */
export const LAYERS = ["modal", "hidden", "open", "content", "depth", "differ", "onion", "others", "scene"];
/** @type {Layers} */
const DEFAULT_LAYERS = { modal: true, hidden: true, open: true, content: false, depth: false, differ: false, onion: false, others: true, scene: false };
/** @type {{tool: Tool, radius: number, paintLayer: MaskLayer}} */
const FIRST = { tool: "point", radius: 12, paintLayer: "modal" };
/** Limits of the brush's radius, in clip pixels. */
export const BRUSH_RANGE = [1, 400];
/** Brush radius at the start, as a part of the clip's smaller side. */
const FIRST_RADIUS = 1 / 40;

/** Everything of it is changed here, by its own methods; whoever shows it subscribes with `on`. */
export class Store {
  constructor() {
    /** @type {((kinds: Set<Change>) => void)[]} */
    this.listeners = [];
    this.tool = FIRST.tool;
    this.radius = FIRST.radius;
    this.paintLayer = FIRST.paintLayer;
    this.layers = { ...DEFAULT_LAYERS };
    this.hideAll = false;
    this.cropIsLarge = false;
    this.filmstrip = false;
    this.playing = false;
    /** @type {Known | null} the server's last state */
    this.state = null;
    /** @type {State["ledger"]} */
    this.ledger = null;
    /** The number of the request that brought the state. */
    this.order = 0;
    this.frame = 0;
    /** @type {Handle} the chosen object; id null: one that the next click makes */
    this.chosen = { id: null };
    /** @type {Pending[]} */
    this.pending = [];
    /** @type {Reason | null} of the last "next to check" */
    this.reason = null;
    /** How many things a person did wait for their answer. */
    this.waiting = 0;
    /** @type {Map<number, Uint8Array>} object id -> a byte a frame */
    this.bits = new Map();
    /** @type {Map<number, string>} object id -> its last name, of deleted ones too */
    this.labels = new Map();
    /** @type {Map<number, Uint8Array>} object id -> how far its hypotheses differ, a byte a frame (0: there are none) */
    this.differ = new Map();
    this.stampOfAll = 0;
    /** @type {Map<number, number>} frame -> the version at which its masks last changed */
    this.stamps = new Map();
  }

  /** Another project: nothing of the last one stays. */
  reset() {
    const { listeners } = this;
    Object.assign(this, new Store(), { listeners });
    giveColours([]);
    this.touch("state", "tool");
  }

  /** @param {(kinds: Set<Change>) => void} listener */
  on(listener) {
    this.listeners.push(listener);
  }

  /** Tell everybody which kinds changed. @param {Change[]} kinds */
  touch(...kinds) {
    for (const listener of this.listeners) listener(new Set(kinds));
  }

  get version() {
    return this.state ? this.state.version : null;
  }

  get project() {
    return this.state?.project ?? null;
  }

  get frameCount() {
    return this.project?.frame_count ?? 0;
  }

  get jobRuns() {
    return Boolean(this.state?.job && !this.state.job.finished);
  }

  /** @param {number | null} id */
  object(id) {
    return this.state?.objects.find((thing) => thing.id === id) ?? null;
  }

  /** @param {Stage} stage */
  engineOf(stage) {
    return this.state?.engines.find((engine) => engine.stage === stage) ?? null;
  }

  get chosenObject() {
    return this.chosen.id === null ? null : this.object(this.chosen.id);
  }

  /** Where the chosen object comes back, on the frame that is looked at: is it the same one? null: nothing is asked. */
  get question() {
    return this.chosenObject?.returns.find(({ frame }) => frame === this.frame) ?? null;
  }

  /**
   * Does a handle ({id}, id null until the server has made the object) mean the chosen object?
   * @param {Handle} handle
   */
  isChosen(handle) {
    return handle === this.chosen || (handle.id !== null && handle.id === this.chosen.id);
  }

  /** @param {number | null} id */
  bitsOf(id) {
    return id === null ? undefined : this.bits.get(id);
  }

  /** @param {number | null} id @param {number} frame */
  frameBits(id, frame) {
    return this.bitsOf(id)?.[frame] ?? 0;
  }

  /** Is any of `mask` set for this object on any frame? @param {number | null} id @param {number} mask */
  anyBits(id, mask) {
    return this.bitsOf(id)?.some((bits) => bits & mask) ?? false;
  }

  /** @param {number | null} id @param {number} mask */
  countBits(id, mask) {
    return this.bitsOf(id)?.reduce((sum, bits) => sum + (bits & mask ? 1 : 0), 0) ?? 0;
  }

  /** The state version at which this frame's masks last changed. @param {number} frame */
  stampOf(frame) {
    return Math.max(this.stampOfAll, this.stamps.get(frame) ?? 0);
  }

  /**
   * Take a state from the server. Returns false for one that is older than what is known.
   * @param {State} state
   * @param {number} order
   */
  apply(state, order) {
    const first = this.state === null;
    const known = this.version ?? -1;
    if (state.version < known || (state.version === known && order < this.order)) return false;
    this.order = order;
    if (state.ledger) this.ledger = state.ledger;
    this.markChanged(state);
    this.state = { ...state, objects: state.objects.map(thingOf) };
    giveColours(state.objects.map(({ id }) => id));
    for (const { id, label } of state.objects) this.labels.set(id, label);
    this.bits = new Map(state.objects.map((object) => [object.id, bytesOf(object.frames)]));
    this.differ = new Map(state.objects.filter(({ differ }) => differ).map(({ id, differ }) => [id, bytesOf(differ)]));
    if (first) this.restorePlace(state);
    this.keepChoiceValid(state);
    this.touch("state");
    return true;
  }

  /** @param {State} state */
  markChanged(state) {
    if (state.changed === null) this.stampOfAll = state.version;
    else for (const frame of state.changed) this.stamps.set(frame, state.version);
  }

  /** @param {State} state */
  restorePlace({ place, project, objects }) {
    this.frame = Math.min(Math.max(0, place?.frame ?? 0), project.frame_count - 1);
    this.layers = { ...DEFAULT_LAYERS, ...(place?.layers ?? {}) };
    this.chosen = { id: place?.object ?? objects[0]?.id ?? null };
    this.radius = Math.max(4, Math.round(Math.min(...project.size_wh) * FIRST_RADIUS));
  }

  /** @param {State} state */
  keepChoiceValid({ objects }) {
    const { id } = this.chosen;
    if (id === null || this.object(id)) return;
    if (this.pending.some((item) => item.handle === this.chosen)) return; // its answer is on the way
    this.chosen = { id: objects.at(-1)?.id ?? null };
  }

  // --- what only this page decides ----------------------------------------------------------------------------------

  /** Look at a frame; returns whether that is another one. @param {number} frame */
  look(frame) {
    const wanted = Math.min(Math.max(0, Math.round(frame)), this.frameCount - 1);
    if (!this.state || wanted === this.frame) return false;
    this.frame = wanted;
    this.reason = null;
    this.touch("frame");
    return true;
  }

  /** @param {Handle} handle */
  choose(handle) {
    if (this.isChosen(handle)) return false;
    this.chosen = handle;
    this.touch("chosen");
    return true;
  }

  /** Go on where somebody was: in a frame, with an object (null: none), with layers. @param {Place} place */
  returnTo({ frame, object, layers }) {
    this.frame = Math.min(frame, this.frameCount - 1);
    this.layers = { ...this.layers, ...layers };
    if (object !== null && this.object(object)) this.chosen = { id: object };
    this.touch("frame", "layers", "chosen");
  }

  /**
   * An answer says which object a handle without a number has become.
   * @param {Handle} handle
   * @param {number} id
   */
  nameHandle(handle, id) {
    handle.id = id;
    this.touch("chosen");
  }

  /** @param {boolean} playing */
  setPlaying(playing) {
    if (this.playing === playing) return;
    this.playing = playing;
    this.touch("play");
  }

  /** @param {LayerName} name @param {boolean} on */
  setLayer(name, on) {
    this.layers = { ...this.layers, [name]: on };
    this.hideAll = false;
    this.touch("layers");
  }

  toggleAll() {
    this.hideAll = !this.hideAll;
    this.touch("layers");
  }

  /** @param {Tool} tool */
  setTool(tool) {
    this.tool = tool;
    this.touch("tool");
  }

  togglePaintLayer() {
    this.paintLayer = this.paintLayer === "modal" ? "amodal" : "modal";
    this.touch("tool");
  }

  toggleFilmstrip() {
    this.filmstrip = !this.filmstrip;
    this.touch("frame");
  }

  toggleCropSize() {
    this.cropIsLarge = !this.cropIsLarge;
    this.touch("tool");
  }

  /** Make the brush larger or smaller, within its limits. @param {number} factor */
  scaleBrush(factor) {
    const wanted = Math.min(Math.max(this.radius * factor, BRUSH_RANGE[0]), BRUSH_RANGE[1]);
    this.radius = Math.round(wanted * 10) / 10;
    this.touch("tool");
  }

  /** @param {Reason | null} reason */
  giveReason(reason) {
    this.reason = reason;
    this.touch("reason");
  }

  /** @param {number} number */
  setWaiting(number) {
    this.waiting = number;
  }

  /** @param {Pending} item */
  addPending(item) {
    this.pending.push(item);
    this.touch("pending");
  }

  /** @param {Pending} item */
  dropPending(item) {
    this.pending = this.pending.filter((other) => other !== item);
    this.touch("pending");
  }
}
