// @ts-check
// The pointer on the stage: clicks, boxes, brush, eraser, hand. Each gesture lives from pointerdown to pointerup.
import { AmodalBoxGesture, cursorOf, handleAt } from "./amodal_box.js";
import { OrderGesture } from "./order_gesture.js";
import { SceneGesture, showsScene } from "./scene.js";
import { HIT, boxHandle, boxOf, dotsOf } from "./overlays.js";
import { TemplateGesture, templateCursor, templateHandleAt } from "./template_tool.js";
/** @import { Box, Click, Corners, Point, Say, Size, Stroke } from "./types.d.ts" */
/** @import { Actions } from "./actions.js" */
/** @import { Store } from "./store.js" */
/** @import { View } from "./view.js" */

const DRAG_FROM = 5; // css pixels before a click becomes a box
const WHEEL_STEP = 1.0015; // zoom factor for one unit of wheel movement
const POINTS_PER_RADIUS = 6; // a stroke's polyline needs no more points than this
/** @type {(a: Point, b: Point, reach: number) => boolean} */
const near = (a, b, reach) => Math.hypot(a.x - b.x, a.y - b.y) <= reach;
const STILL = 3; // css pixels within which the pointer still rests on the dot it has just set
/** @type {(value: number) => number} */
const round = (value) => Math.round(value * 10) / 10;

class PanGesture {
  /** @param {Tools} tools @param {Point} at */
  constructor(tools, at) {
    this.tools = tools;
    this.at = at;
  }

  /** @param {Point} at */
  move(at) {
    this.tools.view.camera.pan(at.x - this.at.x, at.y - this.at.y);
    this.at = at;
  }

  end() {}

  cancel() {}
}

/** A click, or a box once the pointer has moved far enough. */
class PointGesture {
  /** @param {Tools} tools @param {Point} at @param {PointerEvent} event */
  constructor(tools, at, event) {
    this.tools = tools;
    this.start = at;
    this.frame = tools.view.shown ?? 0;
    this.positive = !(event.button === 2 || event.shiftKey);
    this.hit = tools.hitAt(at);
    this.isBox = false;
  }

  /** @param {Point} at */
  move(at) {
    if (this.positive && !near(at, this.start, DRAG_FROM)) this.isBox = true;
    if (this.isBox) this.tools.view.pointer.box = this.boxTo(at);
  }

  /** @param {Point} at @returns {Corners} */
  boxTo(at) {
    const [width, height] = this.tools.clipSize;
    /** @type {(value: number, high: number) => number} */
    const limit = (value, high) => Math.min(Math.max(round(value), 0), high);
    const [a, b] = [this.tools.view.camera.toClip(this.start), this.tools.view.camera.toClip(at)];
    return {
      x0: limit(Math.min(a.x, b.x), width),
      y0: limit(Math.min(a.y, b.y), height),
      x1: limit(Math.max(a.x, b.x), width),
      y1: limit(Math.max(a.y, b.y), height),
    };
  }

  /** @param {Point} at */
  end(at) {
    const { actions, view } = this.tools;
    view.pointer.box = null;
    if (this.isBox) this.endBox(this.boxTo(at));
    else if (this.hit?.dot) actions.removeClick(this.hit.dot);
    else if (this.hit?.box) actions.removeBox(this.frame);
    else this.endClick();
  }

  /** @param {Corners} box */
  endBox(box) {
    if (box.x1 - box.x0 >= 2 && box.y1 - box.y0 >= 2) this.tools.actions.box(this.frame, box);
    else this.tools.say("That box holds nothing: drag it over the object, inside the picture.", { calm: true });
  }

  endClick() {
    const { x, y } = this.tools.view.camera.toClip(this.start);
    const [width, height] = this.tools.clipSize;
    if (x < 0 || y < 0 || x >= width || y >= height) {
      this.tools.say("Click inside the picture. Around it only the brush works, on the amodal mask.", { calm: true });
      return;
    }
    this.tools.justSet = this.start;
    this.tools.actions.click(this.frame, { x: round(x), y: round(y), positive: this.positive });
  }

  cancel() {
    this.tools.view.pointer.box = null;
  }
}

class StrokeGesture {
  /** @param {Tools} tools @param {Point} at @param {PointerEvent} event */
  constructor(tools, at, event) {
    const { store, view } = tools;
    const erases = (store.tool === "eraser") !== (event.button === 2 || event.shiftKey);
    const { chosen: handle, paintLayer: layer, radius } = store;
    /** @type {Stroke} */
    this.stroke = { kind: "stroke", frame: view.shown ?? 0, handle, layer, adds: !erases, radius, points: [] };
    this.tools = tools;
    view.pointer.stroke = this.stroke;
    this.move(at);
  }

  /** @param {Point} at */
  move(at) {
    const { x, y } = this.tools.view.camera.toClip(at);
    const last = this.stroke.points.at(-1);
    const step = Math.max(0.5, this.stroke.radius / POINTS_PER_RADIUS);
    if (!last || Math.hypot(x - last[0], y - last[1]) >= step) this.stroke.points.push([round(x), round(y)]);
  }

  end() {
    this.tools.view.pointer.stroke = null;
    this.tools.actions.stroke(this.stroke);
  }

  cancel() {
    this.tools.view.pointer.stroke = null;
  }
}

export class Tools {
  /** @param {{canvas: HTMLCanvasElement, store: Store, view: View, actions: Actions, say: Say}} parts */
  constructor({ canvas, store, view, actions, say }) {
    this.canvas = canvas;
    this.store = store;
    this.view = view;
    this.actions = actions;
    this.say = say;
    /** @type {PanGesture | PointGesture | StrokeGesture | AmodalBoxGesture | TemplateGesture | OrderGesture | SceneGesture | null} */
    this.gesture = null;
    /** @type {Point | null} where the pointer is */
    this.at = null;
    /** @type {Point | null} where it has just set a dot */
    this.justSet = null;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.moved(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", () => this.cancel());
    canvas.addEventListener("pointerleave", () => this.leave());
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    // Chromium would start its own scrolling with the middle button.
    canvas.addEventListener("mousedown", (event) => event.button === 1 && event.preventDefault());
  }

  /** Width and height of the frame. @returns {Size} */
  get clipSize() {
    return this.store.project?.size_wh ?? [0, 0];
  }

  /** @param {MouseEvent} event @returns {Point} */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** @param {PointerEvent} event */
  down(event) {
    this.canvas.focus({ preventScroll: true });
    if (this.gesture || this.view.shown === null || event.button > 2) return;
    this.actions.stopAt(this.view.shown); // what is clicked is the frame that is seen
    this.canvas.setPointerCapture(event.pointerId);
    this.gesture = this.begin(this.place(event), event);
    this.view.request();
  }

  /** @param {Point} at @param {PointerEvent} event */
  begin(at, event) {
    if (event.button === 1 || this.store.tool === "hand") return new PanGesture(this, at);
    if (showsScene(this.store)) return new SceneGesture(this, at);
    if (this.store.tool === "point") return new PointGesture(this, at, event);
    if (this.store.tool === "amodal") return new AmodalBoxGesture(this, at);
    if (this.store.tool === "template") return new TemplateGesture(this, at, event);
    if (this.store.tool === "order") return new OrderGesture(this, at, event);
    this.actions.showPaintedLayer();
    return new StrokeGesture(this, at, event);
  }

  /** @param {PointerEvent} event */
  moved(event) {
    this.at = this.place(event);
    // Coalesced events are the pointer's path between two frames: without them a fast stroke has corners.
    const events = this.gesture ? event.getCoalescedEvents?.() ?? [] : [];
    for (const each of events.length ? events : [event]) this.gesture?.move(this.place(each));
    this.hover(event.shiftKey);
  }

  /** @param {PointerEvent} event */
  up(event) {
    const gesture = this.gesture;
    this.gesture = null;
    gesture?.end(this.place(event));
    this.hover(event.shiftKey);
  }

  cancel() {
    if (!this.gesture) return false;
    this.gesture.cancel();
    this.gesture = null;
    this.view.request();
    return true;
  }

  leave() {
    this.at = null;
    Object.assign(this.view.pointer, { brush: null, hotDot: null, hotBox: false });
    this.view.request();
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    if (this.view.shown === null) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1; // Firefox counts lines
    this.view.camera.zoomAt(this.place(event), WHEEL_STEP ** (-event.deltaY * lines));
    this.actions.viewMoved();
    this.hover(event.shiftKey);
  }

  /**
   * The dot or box handle under a screen point, if the tool can act on it.
   * @param {Point} at
   * @returns {{dot?: Click, box?: Box} | null}
   */
  hitAt(at) {
    if (this.store.tool !== "point" || this.store.hideAll || showsScene(this.store) || this.view.shown === null) return null;
    const { camera, shown } = this.view;
    const dot = dotsOf(this.store, shown).findLast((each) => near(at, camera.toScreen(each), HIT));
    if (dot) return dot.waits ? null : { dot }; // one on its way cannot be removed yet
    const box = boxOf(this.store, shown);
    return box && !box.waits && near(at, boxHandle(camera, box), HIT) ? { box } : null;
  }

  /** Show what a press would do here. */
  hover(shift = false) {
    const { pointer } = this.view;
    // A dot just set must not turn into the cross that removes it before the pointer has moved.
    if (this.justSet && this.at && !near(this.at, this.justSet, STILL)) this.justSet = null;
    const hit = this.at && !this.gesture && !this.justSet ? this.hitAt(this.at) : null;
    pointer.hotDot = hit?.dot ?? null;
    pointer.hotBox = Boolean(hit?.box);
    const paints = !showsScene(this.store) && ["brush", "eraser"].includes(this.store.tool);
    const adds = pointer.stroke ? pointer.stroke.adds : (this.store.tool === "brush") !== shift;
    pointer.brush = paints && this.at && this.store.state ? { ...this.at, adds } : null;
    this.canvas.style.cursor = this.cursor(hit, paints);
    this.view.request();
  }

  /** @param {object | null} hit @param {boolean} paints */
  cursor(hit, paints) {
    if (hit) return "pointer";
    if (this.gesture instanceof PanGesture) return "grabbing";
    if (this.store.tool === "hand") return "grab";
    if (showsScene(this.store)) return "move";
    if (this.store.tool === "amodal") return this.amodalCursor();
    if (this.store.tool === "template") return this.templateCursor();
    if (this.store.tool === "order") return "help";
    return paints ? "none" : "crosshair";
  }

  templateCursor() {
    if (this.gesture instanceof TemplateGesture) return templateCursor(this.gesture.handle);
    const { camera, shown: frame } = this.view;
    return this.at && frame !== null ? templateCursor(templateHandleAt({ store: this.store, camera, frame, at: this.at })) : "default";
  }

  amodalCursor() {
    if (this.gesture instanceof AmodalBoxGesture) return cursorOf(this.gesture.handle);
    const { camera, shown: frame } = this.view;
    if (!this.at || frame === null) return "crosshair";
    return cursorOf(handleAt({ store: this.store, camera, frame, at: this.at }));
  }
}
