// What a person does to the project. Each deed is painted at once, queued for the server, and settled by its answer.
import { BoxActions } from "./box_actions.js";
import { BIT } from "./store.js";

const LAYER_MAKES = { hidden: "hidden part", depth: "depth", content: "content" };
const PLACE_AFTER_MS = 500;

export class Actions {
  /**
   * @param {{store, say: (text) => void, take: (answer) => void, refused: () => void, succeeded: () => void}} parts
   *   take applies an answer's state and masks; refused shows again what holds
   */
  constructor(parts) {
    Object.assign(this, parts);
    this.api = null;
    this.boxes = new BoxActions(this);
    this.placeTimer = 0;
  }

  /** Queue an action; `pending` is what is shown of it until the answer. */
  send(action, build = () => ({}), { pending = null, handle = null, click = null, then = () => {} } = {}) {
    if (!this.api) return;
    if (pending) this.store.addPending(pending);
    const settle = (answer) => {
      if (answer?.ok && handle && handle.id === null) this.fillHandle(handle, answer.object);
      if (answer?.ok) this.take(answer);
      if (pending) this.store.dropPending(pending); // after the new masks are in: the old must not flash
      if (answer && !answer.ok) this.fail(action, answer);
      if (answer?.ok && action !== "place") this.succeeded();
      if (answer?.ok) then(answer);
    };
    this.api.do(action, build, { settle, handle, click });
  }

  fail(action, { error, calm = false }) {
    this.say(error || `“${action}” failed and the server did not say why. Its log does.`, { calm, passes: true });
    this.refused();
  }

  /** An answer says which object a click on "no object yet" has made. */
  fillHandle(handle, id) {
    if (id === undefined || id === null) return;
    handle.id = id;
    this.store.touch("chosen");
  }

  click(frame, { x, y, positive }) {
    const handle = this.store.chosen;
    const pending = { kind: "click", frame, handle, x, y, positive };
    this.send("click", () => ({ frame, x, y, positive, object: handle.id }), { pending, handle });
  }

  removeClick(click) {
    const handle = this.store.chosen;
    const pending = { kind: "unclick", frame: click.frame, handle, click };
    // Removing one click moves the others up: its place is looked up when its turn comes.
    const build = () => ({ object: handle.id, index: this.indexOf(handle.id, click), frame: click.frame });
    this.send("remove_click", build, { pending, handle, click });
  }

  indexOf(id, { frame, x, y, positive }) {
    const same = (click) => click.frame === frame && click.x === x && click.y === y && click.positive === positive;
    return this.store.object(id)?.clicks.findIndex(same) ?? -1;
  }

  box(frame, box) {
    const handle = this.store.chosen;
    const pending = { kind: "box", frame, handle, ...box };
    this.send("box", () => ({ frame, ...box, object: handle.id }), { pending, handle });
  }

  removeBox(frame) {
    const handle = this.store.chosen;
    this.send("remove_box", () => ({ object: handle.id, frame }), { pending: { kind: "unbox", frame, handle }, handle });
  }

  stroke(stroke) {
    const { frame, layer, adds, radius, points, handle } = stroke;
    const build = () => ({ object: handle.id, frame, layer, adds, radius, points });
    this.send("stroke", build, { pending: stroke, handle });
  }

  newObject() {
    const handle = { id: null };
    this.choose(handle);
    this.send("new_object", () => ({}), { pending: { kind: "object", frame: -1, handle }, handle });
  }

  deleteObject(id) {
    const label = this.store.object(id)?.label;
    const then = () => this.say(`Deleted ${label}. Ctrl+Z brings it back.`, { calm: true });
    this.send("delete_object", () => ({ object: id }), { then });
  }

  rename(id, label) {
    this.send("rename", () => ({ object: id, label }));
  }

  track(direction) {
    const handle = this.store.chosen;
    const { frame } = this.store;
    this.send("track", () => ({ object: handle.id, frame, direction }), { pending: { kind: "job", frame: -1, handle }, handle });
  }

  complete(id) {
    this.send("complete", () => ({ object: id }), { pending: { kind: "job", frame: -1, handle: { id } } });
  }

  /** Let an engine ("auto": the best that is present) make a stage from now on. */
  chooseEngine(stage, name) {
    this.send("engine", () => ({ stage, name }));
  }

  /** Let the chosen engine replace what others made of one stage of an object. */
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

  accept(accepted) {
    const { frame, chosen } = this.store;
    this.send("accept", () => ({ object: chosen.id, frame, accepted }), { handle: chosen });
    if (accepted) this.go(frame + 1);
  }

  /** Mark the frame for later, or take that back. */
  mark(needsWork) {
    const { frame, chosen } = this.store;
    this.send("mark", () => ({ object: chosen.id, frame, needs_work: needsWork }), { handle: chosen });
  }

  acceptAll(id) {
    this.send("accept_all", () => ({ object: id }));
  }

  nextLook() {
    const { frame, chosen, chosenObject } = this.store;
    // Where boxes say what is wrong, the chosen object's worst frame comes first; then those of the others.
    const own = chosenObject?.amodal_boxes.length && this.store.anyBits(chosen.id, BIT.look) ? chosen.id : null;
    this.send("next_look", () => ({ object: own, frame }), { then: (answer) => this.showReason(answer) });
  }

  showReason({ frame, object, why }) {
    if (frame === null || frame === undefined) {
      this.store.reason = { frame: this.store.frame, object: null, why: "" };
    } else {
      this.choose({ id: object ?? this.store.chosen.id });
      this.go(frame);
      this.store.reason = { frame, object, why };
    }
    this.store.touch("reason");
  }

  setPadding(fraction) {
    this.send("canvas", () => ({ fraction }));
  }

  /** Go to a frame. */
  go(frame, { playing = false } = {}) {
    const { store } = this;
    const wanted = Math.min(Math.max(0, Math.round(frame)), store.frameCount - 1);
    if (!playing && store.playing) this.setPlaying(false);
    if (!store.state || wanted === store.frame) return;
    store.frame = wanted;
    store.reason = null;
    store.touch("frame");
    this.rememberPlace();
  }

  stopAt(frame) {
    this.setPlaying(false);
    this.go(frame);
  }

  setPlaying(playing) {
    if (this.store.playing === playing) return;
    this.store.playing = playing;
    this.store.touch("play");
  }

  choose(handle) {
    if (this.store.isChosen(handle)) return;
    this.store.chosen = handle;
    this.store.touch("chosen");
    this.rememberPlace();
  }

  setLayer(name, on) {
    this.store.layers = { ...this.store.layers, [name]: on };
    this.store.hideAll = false;
    this.store.touch("layers");
    this.rememberPlace();
    if (on) this.tellIfEmpty(name);
  }

  /** A layer that shows nothing yet must say why. */
  tellIfEmpty(name) {
    if (name === "differ" && !this.store.chosenObject?.differ) this.say("Nothing to show yet: U makes several hypotheses.", { calm: true });
    const bit = { hidden: BIT.amodal, content: BIT.content }[name];
    if (name === "depth" ? this.store.state?.depth.length : !bit || this.store.state?.objects.some(({ id }) => this.store.anyBits(id, bit))) return;
    this.say(`Nothing to show yet: Complete (A) makes the ${LAYER_MAKES[name]}.`, { calm: true });
  }

  /** Painting on a mask that is switched off would show nothing. */
  showPaintedLayer() {
    const layer = this.store.paintLayer === "modal" ? "modal" : "hidden";
    if (!this.store.layers[layer] || this.store.hideAll) this.setLayer(layer, true);
  }

  setTool(tool) {
    this.store.tool = tool;
    this.store.touch("tool");
  }

  viewMoved() {
    this.store.touch("zoom");
  }

  placeNow() {
    const { frame, chosen, layers } = this.store;
    return { frame, object: chosen.id, layers };
  }

  rememberPlace() {
    clearTimeout(this.placeTimer);
    this.placeTimer = setTimeout(() => {
      this.placeTimer = 0;
      if (this.store.state) this.send("place", () => this.placeNow());
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
