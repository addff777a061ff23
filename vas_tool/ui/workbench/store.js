// What the page knows: the server's last state, and what only this page decides (frame, chosen object, tool, layers).
// Panels subscribe to kinds of change; nothing here touches the document.

import { giveColours } from "./colours.js";

export const BIT = { prompted: 1, modal: 2, amodal: 4, occluded: 8, accepted: 16, stale: 32, look: 64, content: 128 };
export const LAYERS = ["modal", "hidden", "content", "depth", "differ", "others"];
const DEFAULT_LAYERS = { modal: true, hidden: true, content: false, depth: false, differ: false, others: true };
/** Brush radius at the start, as a part of the clip's smaller side. */
const FIRST_RADIUS = 1 / 40;

/** "0306…" -> one byte a frame. */
function bytesOf(hex) {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(hex.substr(2 * i, 2), 16);
  return bytes;
}

export class Store {
  constructor() {
    this.listeners = [];
    this.reset();
  }

  reset() {
    this.state = null;
    this.ledger = null;
    this.order = 0;
    this.frame = 0;
    /** The chosen object. id is null for one that the next click makes; the answer fills it in. */
    this.chosen = { id: null };
    this.layers = { ...DEFAULT_LAYERS };
    this.hideAll = false;
    this.cropIsLarge = false;
    this.tool = "point";
    this.radius = 12;
    this.paintLayer = "modal";
    /** Done here, not yet answered: painted at once. Items: {kind, frame, handle, …} */
    this.pending = [];
    giveColours([]);
    this.reason = null; // {frame, object, why} of the last "next to check"
    this.waiting = 0;
    this.bits = new Map();
    this.labels = new Map(); // object id -> its last name, of deleted ones too
    this.differ = new Map(); // object id -> how far its hypotheses differ, a byte a frame (0: there are none)
    this.stampOfAll = 0;
    this.stamps = new Map();
    this.playing = false;
  }

  on(listener) {
    this.listeners.push(listener);
  }

  /** Tell everybody which kinds changed: state, frame, chosen, layers, tool, pending, masks, reason, play, hypotheses. */
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

  object(id) {
    return this.state?.objects.find((object) => object.id === id) ?? null;
  }

  get chosenObject() {
    return this.chosen.id === null ? null : this.object(this.chosen.id);
  }

  /** Does a handle ({id}, id null until the server has made the object) mean the chosen object? */
  isChosen(handle) {
    return handle === this.chosen || (handle.id !== null && handle.id === this.chosen.id);
  }

  frameBits(id, frame) {
    return this.bits.get(id)?.[frame] ?? 0;
  }

  /** Is any of `mask` set for this object on any frame? */
  anyBits(id, mask) {
    return this.bits.get(id)?.some((bits) => bits & mask) ?? false;
  }

  countBits(id, mask) {
    return this.bits.get(id)?.reduce((sum, bits) => sum + (bits & mask ? 1 : 0), 0) ?? 0;
  }

  /** The state version at which this frame's masks last changed. */
  stampOf(frame) {
    return Math.max(this.stampOfAll, this.stamps.get(frame) ?? 0);
  }

  /** Take a state from the server. Returns false for one that is older than what is known. */
  apply(state, order) {
    const first = this.state === null;
    const known = this.version ?? -1;
    if (state.version < known || (state.version === known && order < this.order)) return false;
    this.order = order;
    if (state.ledger) this.ledger = state.ledger;
    this.markChanged(state);
    // Clicks and boxes are named as in Python; here a frame is a frame everywhere.
    for (const { clicks, boxes, amodal_boxes: whole } of state.objects) for (const mark of [...clicks, ...boxes, ...whole]) mark.frame ??= mark.frame_index;
    this.state = state;
    giveColours(state.objects.map(({ id }) => id));
    for (const { id, label } of state.objects) this.labels.set(id, label);
    this.bits = new Map(state.objects.map((object) => [object.id, bytesOf(object.frames)]));
    this.differ = new Map(state.objects.filter(({ differ }) => differ).map(({ id, differ }) => [id, bytesOf(differ)]));
    if (first) this.restorePlace(state);
    this.keepChoiceValid();
    this.touch("state");
    return true;
  }

  markChanged(state) {
    if (state.changed === null) this.stampOfAll = state.version;
    else for (const frame of state.changed) this.stamps.set(frame, state.version);
  }

  restorePlace({ place, project, objects }) {
    this.frame = Math.min(Math.max(0, place?.frame ?? 0), project.frame_count - 1);
    this.layers = { ...DEFAULT_LAYERS, ...(place?.layers ?? {}) };
    this.chosen = { id: place?.object ?? objects[0]?.id ?? null };
    this.radius = Math.max(4, Math.round(Math.min(...project.size_wh) * FIRST_RADIUS));
  }

  keepChoiceValid() {
    const { id } = this.chosen;
    if (id === null || this.object(id)) return;
    if (this.pending.some((item) => item.handle === this.chosen)) return; // its answer is on the way
    this.chosen = { id: this.state.objects.at(-1)?.id ?? null };
  }

  addPending(item) {
    this.pending.push(item);
    this.touch("pending");
  }

  dropPending(item) {
    this.pending = this.pending.filter((other) => other !== item);
    this.touch("pending");
  }
}
