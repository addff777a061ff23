// @ts-check
// The scene: objects moved, scaled, left out or frozen, over a filled background. Its panel, its picture, its gesture.
import { found, make, partOf } from "./elements.js";
import { objectAt } from "./order_gesture.js";
/** @import { Point, SceneEdit, SceneLayer } from "./types.d.ts" */
/** @import { Actions } from "./actions.js" */
/** @import { Store } from "./store.js" */
/** @import { Tools } from "./tools.js" */

const DRAG_FROM = 5; // css pixels before a click becomes a move
/** @type {(value: number) => number} */
const round = (value) => Math.round(value * 10) / 10;

/** What becomes of an object. @param {Store} store @param {number | null} id @returns {SceneLayer} */
export function layerOf(store, id) {
  const none = { object_id: id ?? 0, dx: 0, dy: 0, scale: 1, hidden: false, freeze: null };
  return store.state?.scene.layers.find((layer) => layer.object_id === id) ?? none;
}

/** Is the scene on the stage in place of the clip? @param {Store} store */
export const showsScene = ({ layers, hideAll }) => layers.scene && !hideAll;

/** A number that stands for a text. @param {string} text */
const hashOf = (text) => [...text].reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) >>> 0, 0);

/** The path of a frame of the scene: another one after every change of the scene or of masks. @param {Store} store @param {number} frame */
export function scenePath(store, frame) {
  const newest = Math.max(store.stampOfAll, ...store.stamps.values());
  return `scene/${frame}.jpg?v=${newest}.${hashOf(JSON.stringify([store.state?.scene, store.state?.in_front]))}`;
}

export class SceneActions {
  /** @param {Actions} actions */
  constructor(actions) {
    this.actions = actions;
  }

  /** Change an object, the chosen one. @param {SceneEdit} fields */
  change(fields) {
    const { chosen: { id } } = this.actions.store;
    if (id !== null) this.actions.send("scene", () => ({ object: id, ...fields }));
  }

  /** @param {boolean} raised */
  front(raised) {
    const { chosen: { id } } = this.actions.store;
    if (id !== null) this.actions.send("scene_front", () => ({ object: id, raised }));
  }

  reset() {
    this.actions.send("scene_reset");
  }
}

/** Drags the chosen object; a press alone chooses the object under the pointer. */
export class SceneGesture {
  /** @param {Tools} tools @param {Point} at */
  constructor(tools, at) {
    this.tools = tools;
    this.start = at;
    this.moves = false;
  }

  /** @param {Point} at */
  move(at) {
    if (Math.hypot(at.x - this.start.x, at.y - this.start.y) >= DRAG_FROM) this.moves = true;
    const { view, store } = this.tools;
    if (this.moves && store.chosen.id !== null) view.pointer.sceneShift = this.shift(at);
  }

  /** Clip pixels from the start. @param {Point} at @returns {Point} */
  shift(at) {
    const { camera } = this.tools.view;
    const [from, to] = [camera.toClip(this.start), camera.toClip(at)];
    return { x: to.x - from.x, y: to.y - from.y };
  }

  /** @param {Point} at */
  end(at) {
    const { store, view, actions } = this.tools;
    view.pointer.sceneShift = null;
    if (!this.moves) return this.choose();
    const { x, y } = this.shift(at);
    const { dx, dy } = layerOf(store, store.chosen.id);
    return new SceneActions(actions).change({ dx: round(dx + x), dy: round(dy + y) });
  }

  choose() {
    const { store, view, actions } = this.tools;
    const { project } = store;
    if (!project) return;
    const id = objectAt({ entry: view.masks.get(view.shown ?? -1), project, at: view.camera.toClip(this.start), but: null });
    if (id !== null) actions.choose({ id });
  }

  cancel() {
    this.tools.view.pointer.sceneShift = null;
  }
}

export class ScenePanel {
  /** @param {{root: HTMLElement, store: Store, actions: Actions}} parts */
  constructor({ root, store, actions }) {
    this.store = store;
    this.scene = new SceneActions(actions);
    this.root = root;
    this.about = partOf(root, "scene-object");
    this.show = this.box("scene-show", (on) => actions.setLayer("scene", on));
    this.hidden = this.box("scene-hidden", (on) => this.scene.change({ hidden: on }));
    this.front = this.box("scene-front", (on) => this.scene.front(on));
    this.freeze = this.box("scene-freeze", (on) => this.scene.change({ freeze: on ? store.frame : null }));
    this.x = this.number("scene-x", (value) => ({ dx: value }));
    this.y = this.number("scene-y", (value) => ({ dy: value }));
    this.scale = this.number("scene-scale", (value) => ({ scale: value / 100 }));
    this.reset = found(root, '[data-part="scene-reset"]', HTMLButtonElement);
    this.reset.onclick = () => this.scene.reset();
  }

  /** @param {string} name @param {(checked: boolean) => void} onChange */
  box(name, onChange) {
    const box = found(this.root, `[data-part="${name}"]`, HTMLInputElement);
    box.onchange = () => onChange(box.checked);
    return box;
  }

  /** @param {string} name @param {(value: number) => SceneEdit} fields */
  number(name, fields) {
    const field = found(this.root, `[data-part="${name}"]`, HTMLInputElement);
    field.onchange = () => {
      field.blur(); // the keys, Ctrl+Z among them, are the page's again
      if (field.value !== "" && Number.isFinite(field.valueAsNumber)) this.scene.change(fields(field.valueAsNumber));
      else this.render();
    };
    return field;
  }

  render() {
    const { store } = this;
    const object = store.chosenObject;
    const layer = layerOf(store, store.chosen.id);
    this.about.replaceChildren(object ? make("b", { textContent: object.label }) : "Choose an object.");
    this.show.checked = showsScene(store);
    this.hidden.checked = layer.hidden;
    this.front.checked = store.state?.scene.order.includes(layer.object_id) ?? false;
    this.freeze.checked = layer.freeze !== null;
    partOf(this.root, "scene-frozen").textContent = layer.freeze === null ? "freeze at this frame" : `frozen at frame ${layer.freeze}`;
    for (const [field, value] of /** @type {[HTMLInputElement, number][]} */ ([[this.x, layer.dx], [this.y, layer.dy], [this.scale, 100 * layer.scale]])) {
      if (field !== document.activeElement) field.value = String(round(value));
    }
    for (const field of [this.hidden, this.front, this.freeze, this.x, this.y, this.scale]) field.disabled = !object;
    this.reset.disabled = !store.state?.scene.order.length && !store.state?.scene.layers.length;
  }
}
