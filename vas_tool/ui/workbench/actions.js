// @ts-check
// What a person does to the project. Each deed is painted at once, queued for the server, and settled by its answer.
import { BoxActions } from "./box_actions.js";
import { IdentityActions } from "./identity_actions.js";
import { writeLink } from "./link.js";
import { OrderActions } from "./order_actions.js";
import { TemplateActions } from "./template_actions.js";
import { BIT } from "./store.js";
/** @import { Answer, Args, Click, Corners, DoneAnswer, Handle, LayerName, Pending, Place, RefusedAnswer, Say, Stage, Stroke } from "./types.d.ts" */
/** @import { Api } from "./api.js" */
/** @import { Store } from "./store.js" */

/** @type {Partial<Record<LayerName, string>>} */
const LAYER_MAKES = { hidden: "hidden part", depth: "depth", content: "content" };
const PLACE_AFTER_MS = 500;

export class Actions {
  /**
   * @param {object} parts
   * @param {Store} parts.store
   * @param {Say} parts.say
   * @param {(answer: DoneAnswer & {order: number}) => void} parts.take  applies an answer's state and masks
   * @param {() => void} parts.refused  shows again what holds
   * @param {() => void} parts.succeeded
   */
  constructor({ store, say, take, refused, succeeded }) {
    this.store = store;
    this.say = say;
    this.take = take;
    this.refused = refused;
    this.succeeded = succeeded;
    /** @type {Api | null} */
    this.api = null;
    this.boxes = new BoxActions(this);
    this.identity = new IdentityActions(this);
    this.order = new OrderActions(this);
    this.templates = new TemplateActions(this);
    this.placeTimer = 0;
  }

  /**
   * Queue an action.
   * @param {string} action
   * @param {() => Args} [build]
   * @param {object} [how]
   * @param {Pending | null} [how.pending]  what is shown of it until the answer
   * @param {Handle | null} [how.handle]  the object it is about, which it may make
   * @param {Click | null} [how.click]  the one it removes
   * @param {(answer: DoneAnswer) => void} [how.then]
   */
  send(action, build = () => ({}), { pending = null, handle = null, click = null, then = () => {} } = {}) {
    if (!this.api) return;
    if (pending) this.store.addPending(pending);
    /** @param {Answer | null} answer */
    const settle = (answer) => {
      if (answer?.ok && handle?.id === null && typeof answer.object === "number") this.store.nameHandle(handle, answer.object);
      if (answer?.ok) this.take(answer);
      if (pending) this.store.dropPending(pending); // after the new masks are in: the old must not flash
      if (!answer) return;
      if (!answer.ok) return this.fail(action, answer);
      if (action !== "place") this.succeeded();
      then(answer);
    };
    this.api.do(action, build, { settle, handle, click });
  }

  /** @param {string} action @param {RefusedAnswer} answer */
  fail(action, { error, calm = false }) {
    this.say(error || `“${action}” failed and the server did not say why. Its log does.`, { calm, passes: true });
    this.refused();
  }

  /** @param {number} frame @param {Omit<Click, "frame">} click */
  click(frame, { x, y, positive }) {
    const handle = this.store.chosen;
    this.send("click", () => ({ frame, x, y, positive, object: handle.id }), { pending: { kind: "click", frame, handle, x, y, positive }, handle });
  }

  /** @param {Click} click */
  removeClick(click) {
    const handle = this.store.chosen;
    // Removing one click moves the others up: its place is looked up when its turn comes.
    const build = () => ({ object: handle.id, index: this.indexOf(handle.id, click), frame: click.frame });
    this.send("remove_click", build, { pending: { kind: "unclick", frame: click.frame, handle, click }, handle, click });
  }

  /** @param {number | null} id @param {Click} click */
  indexOf(id, { frame, x, y, positive }) {
    /** @param {Click} click */
    const same = (click) => click.frame === frame && click.x === x && click.y === y && click.positive === positive;
    return this.store.object(id)?.clicks.findIndex(same) ?? -1;
  }

  /** @param {number} frame @param {Corners} box */
  box(frame, box) {
    const handle = this.store.chosen;
    this.send("box", () => ({ frame, ...box, object: handle.id }), { pending: { kind: "box", frame, handle, ...box }, handle });
  }

  /** @param {number} frame */
  removeBox(frame) {
    const handle = this.store.chosen;
    this.send("remove_box", () => ({ object: handle.id, frame }), { pending: { kind: "unbox", frame, handle }, handle });
  }

  /** @param {Stroke} stroke */
  stroke(stroke) {
    const { frame, layer, adds, radius, points, handle } = stroke;
    const build = () => ({ object: handle.id, frame, layer, adds, radius, points });
    this.send("stroke", build, { pending: stroke, handle });
  }

  newObject() {
    /** @type {Handle} */
    const handle = { id: null };
    this.choose(handle);
    this.send("new_object", () => ({}), { pending: { kind: "object", frame: -1, handle }, handle });
  }

  /** @param {number | null} id */
  deleteObject(id) {
    const label = this.store.object(id)?.label;
    const then = () => this.say(`Deleted ${label}. Ctrl+Z brings it back.`, { calm: true });
    this.send("delete_object", () => ({ object: id }), { then });
  }

  /** @param {number} id @param {string} label */
  rename(id, label) {
    this.send("rename", () => ({ object: id, label }));
  }

  /** @param {"forward" | "backward" | "both"} direction */
  track(direction) {
    const handle = this.store.chosen;
    const { frame } = this.store;
    this.send("track", () => ({ object: handle.id, frame, direction }), { pending: { kind: "job", frame: -1, handle }, handle });
  }

  /** @param {number | null} id  null: all objects */
  complete(id) {
    this.send("complete", () => ({ object: id }), { pending: { kind: "job", frame: -1, handle: { id } } });
  }

  /**
   * Let an engine ("auto": the best that is present) make a stage from now on.
   * @param {Stage} stage
   * @param {string} name
   */
  chooseEngine(stage, name) {
    this.send("engine", () => ({ stage, name }));
  }

  /** Let what is seen complete frames on which nothing can hide the object. @param {boolean} on */
  gate(on) {
    this.send("gate", () => ({ on }));
  }

  /**
   * Let the chosen engine replace what others made of one stage of an object.
   * @param {number} id
   * @param {Stage} stage
   */
  makeAgain(id, stage) {
    this.send("again", () => ({ object: id, stage }), { pending: { kind: "job", frame: -1, handle: { id } } });
  }

  cancelJob() {
    this.send("cancel");
  }

  undo() {
    this.send("undo", () => ({ frame: this.store.frame }));
  }

  redo() {
    this.send("redo", () => ({ frame: this.store.frame }));
  }

  /** @param {boolean} accepted */
  accept(accepted) {
    const { frame, chosen } = this.store;
    this.send("accept", () => ({ object: chosen.id, frame, accepted }), { handle: chosen });
    if (accepted) this.go(frame + 1);
  }

  /** Mark the frame for later, or take that back. @param {boolean} needsWork */
  mark(needsWork) {
    const { frame, chosen } = this.store;
    this.send("mark", () => ({ object: chosen.id, frame, needs_work: needsWork }), { handle: chosen });
  }

  /** @param {number | null} id */
  acceptAll(id) {
    this.send("accept_all", () => ({ object: id }));
  }

  nextLook() {
    const { frame, chosen, chosenObject } = this.store;
    // Where boxes say what is wrong, the chosen object's worst frame comes first; then those of the others.
    const own = chosenObject?.amodal_boxes.length && this.store.anyBits(chosen.id, BIT.look) ? chosen.id : null;
    this.send("next_look", () => ({ object: own, frame }), { then: (answer) => this.showReason(answer) });
  }

  /** @param {DoneAnswer} answer */
  showReason({ frame, object, why }) {
    if (frame === null || frame === undefined) {
      this.store.giveReason({ frame: this.store.frame, object: null, why: "" });
    } else {
      this.choose({ id: object ?? this.store.chosen.id });
      this.go(frame);
      this.store.giveReason({ frame, object: object ?? null, why: why ?? "" });
    }
  }

  /** @param {number} fraction */
  setPadding(fraction) {
    this.send("canvas", () => ({ fraction }));
  }

  /** Go to a frame. @param {number} frame @param {{playing?: boolean}} [how] */
  go(frame, { playing = false } = {}) {
    if (!playing) this.setPlaying(false);
    if (this.store.look(frame)) this.rememberPlace();
  }

  /** @param {number} frame */
  stopAt(frame) {
    this.setPlaying(false);
    this.go(frame);
  }

  /** @param {boolean} playing */
  setPlaying(playing) {
    this.store.setPlaying(playing);
  }

  /** @param {Handle} handle */
  choose(handle) {
    if (this.store.choose(handle)) this.rememberPlace();
  }

  /** @param {LayerName} name @param {boolean} on */
  setLayer(name, on) {
    this.store.setLayer(name, on);
    this.rememberPlace();
    if (on) this.tellIfEmpty(name);
  }

  /** A layer that shows nothing yet must say why. @param {LayerName} name */
  tellIfEmpty(name) {
    if (name === "differ" && !this.store.chosenObject?.differ) this.say("Nothing to show yet: U makes several hypotheses.", { calm: true });
    const { state } = this.store;
    const bit = name === "hidden" ? BIT.amodal : name === "content" ? BIT.content : 0;
    const hasSome = name === "depth" ? state?.depth.length : !bit || state?.objects.some(({ id }) => this.store.anyBits(id, bit));
    if (!hasSome) this.say(`Nothing to show yet: Complete (A) makes the ${LAYER_MAKES[name]}.`, { calm: true });
  }

  /** Painting on a mask that is switched off would show nothing. */
  showPaintedLayer() {
    const layer = this.store.paintLayer === "modal" ? "modal" : "hidden";
    if (!this.store.layers[layer] || this.store.hideAll) this.setLayer(layer, true);
  }

  viewMoved() {
    this.store.touch("zoom");
  }

  /** @returns {Place} */
  placeNow() {
    const { frame, chosen, layers } = this.store;
    return { frame, object: chosen.id, layers };
  }

  rememberPlace() {
    clearTimeout(this.placeTimer);
    this.placeTimer = setTimeout(() => {
      this.placeTimer = 0;
      if (!this.store.state) return;
      this.send("place", () => this.placeNow());
      writeLink(this.store, this.placeNow());
    }, PLACE_AFTER_MS);
  }

  /** The page goes away: what was not yet remembered is sent without waiting. */
  leave() {
    if (!this.placeTimer || !this.api || !this.store.state) return;
    clearTimeout(this.placeTimer);
    this.placeTimer = 0;
    this.api.farewell("place", this.placeNow());
  }
}
