// @ts-check
// The picture stage: one canvas. The frame with its masks is composed once into a hidden canvas and reused while
// only the pointer moves; dots, boxes and the brush are drawn over it.
import { Camera } from "./camera.js";
import { penOf } from "./elements.js";
import { screenWidth } from "./frames.js";
import { OnionSkin } from "./onion.js";
import { drawOutlines, drawPadding } from "./outlines.js";
import { drawNumber, drawOverlays } from "./overlays.js";
import { contentPath, depthPath, drawnObjects, framePath } from "./prefetch.js";
import { layerOf, scenePath, showsScene } from "./scene.js";
import { paintStrokes, strokesFor } from "./strokes.js";
import { BIT } from "./store.js";
import { TemplateOutlines } from "./template_tool.js";
/** @import { Canvas, MasksEntry, Pointer, Project, Thing } from "./types.d.ts" */
/** @import { Pictures } from "./frames.js" */
/** @import { Hypotheses } from "./hypotheses.js" */
/** @import { Masks } from "./masks.js" */
/** @import { OpenPart } from "./open_part.js" */
/** @import { Store } from "./store.js" */

const PIXELS_SHOW_FROM = 3; // screen pixels for one clip pixel from which they are drawn as squares
const OTHERS_ALPHA = 0.5;
const WIDTHS = [null, 640, 960, 1280, 1920, 2560];

/** Depth and content to lay over the frame. @typedef {{depth: ImageBitmap | null, contents: ImageBitmap[]}} Extras */

export class View {
  /**
   * @param {object} parts
   * @param {HTMLCanvasElement} parts.canvas
   * @param {Store} parts.store
   * @param {Masks} parts.masks
   * @param {Hypotheses} parts.hypotheses
   * @param {OpenPart} parts.open
   * @param {(frame: number, entry: MasksEntry | undefined) => void} parts.onPaint
   */
  constructor({ canvas, store, masks, hypotheses, open, onPaint }) {
    this.canvas = canvas;
    this.store = store;
    this.masks = masks;
    this.hypotheses = hypotheses;
    this.open = open;
    this.onion = new OnionSkin({ store, masks });
    this.outlines = new TemplateOutlines(() => this.request());
    this.onPaint = onPaint;
    /** @type {Pictures | null} */
    this.pictures = null;
    this.context = penOf(canvas, { alpha: false });
    this.base = document.createElement("canvas");
    this.baseContext = penOf(this.base, { alpha: false });
    this.baseKey = "";
    this.camera = new Camera();
    this.ratio = 1; // device pixels for a css pixel
    /** @type {Pointer} what the tools want drawn */
    this.pointer = { box: null, amodalBox: null, stroke: null, brush: null, hotDot: null, hotBox: false, sceneShift: null, template: null };
    /** @type {number | null} the frame whose picture is on the stage */
    this.shown = null;
    this.requested = 0;
    this.stage = canvas.parentElement ?? canvas;
    new ResizeObserver(() => this.resize()).observe(this.stage);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    if (!width || !height) return; // in a hidden tab
    this.ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.canvas, this.base]) {
      canvas.width = Math.round(width * this.ratio);
      canvas.height = Math.round(height * this.ratio);
    }
    this.baseKey = "";
    this.camera.setView(width, height);
    this.store.touch("zoom"); // a larger stage wants larger pictures
    this.request();
  }

  /** Start over: nothing of the last project may stay on the stage. */
  clear() {
    this.shown = null;
    this.baseKey = "";
    this.request();
  }

  /** Width to ask frames at, so that they are sharp now; null = the clip's own. */
  get frameWidth() {
    const width = this.store.project?.size_wh[0] ?? 0;
    return screenWidth(width * this.camera.scale * this.ratio, width);
  }

  request() {
    if (!this.requested) this.requested = requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.requested = 0;
    const { store, context } = this;
    const frame = this.pickFrame();
    if (frame === null || !store.project) {
      context.fillStyle = "#0d0f12";
      context.fillRect(0, 0, this.canvas.width, this.canvas.height);
      return;
    }
    this.setArea(store.project);
    this.compose(frame, store.project);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(this.base, 0, 0);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    if (!showsScene(store)) drawOverlays(context, { store, camera: this.camera, frame, pointer: this.pointer, outlines: this.outlines });
    this.onPaint(frame, this.masks.get(frame));
  }

  /** Make a frame's drawings before it is wanted. @param {number} frame */
  prepare(frame) {
    if (!this.store.state || this.masks.needs(frame)) return;
    for (const { id } of drawnObjects(this.store)) this.masks.raster(frame, id, this.fillLayers(frame, id));
  }

  /** @param {Project} project */
  setArea({ canvas }) {
    const [width, height] = canvas.size_wh;
    this.camera.setArea({ left: -canvas.left, top: -canvas.top, width, height });
  }

  /** The frame to draw: the wanted one, or the one on the stage until the wanted one's picture is here. */
  pickFrame() {
    if (!this.pictures || !this.store.state) return null;
    if (this.pictureOf(this.store.frame)) this.shown = this.store.frame;
    return this.shown;
  }

  /**
   * The frame's picture at the best width, else at any width that is here.
   * @param {number} frame
   * @returns {ImageBitmap | null}
   */
  pictureOf(frame) {
    if (showsScene(this.store)) {
      const scene = this.pictures?.getOrOlder(scenePath(this.store, frame));
      if (scene !== null) return scene ?? null; // null: the server has no scene, for want of masks
    }
    const best = this.pictures?.get(framePath(frame, this.frameWidth));
    if (best) return best;
    for (const width of WIDTHS) {
      const other = this.pictures?.get(framePath(frame, width));
      if (other) return other;
    }
    return null;
  }

  /**
   * The frame's picture in the clip's own size when that is here, else what the stage shows.
   * @param {number} frame
   */
  sharpestOf(frame) {
    return this.pictures?.get(framePath(frame, null)) ?? this.pictureOf(frame);
  }

  /** @param {number} frame @param {Project} project */
  compose(frame, project) {
    const picture = this.pictureOf(frame);
    const extras = this.extrasOf(frame);
    const key = this.keyOf({ frame, picture, extras, project });
    if (key === this.baseKey || !picture) return;
    this.baseKey = key;
    const context = this.baseContext;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#0d0f12";
    context.fillRect(0, 0, this.base.width, this.base.height);
    this.useClipPixels(context);
    this.drawFrame(context, { picture, extras, project });
    if (showsScene(this.store)) this.drawShifted(context, { frame, project });
    else if (!this.store.hideAll) this.drawMasks(context, { frame, project });
  }

  /** The chosen object's masks where it is being dragged in the scene. @param {CanvasRenderingContext2D} context @param {{frame: number, project: Project}} what */
  drawShifted(context, { frame, project }) {
    const { sceneShift: shift } = this.pointer;
    if (!shift) return;
    const { dx, dy } = layerOf(this.store, this.store.chosen.id);
    context.translate(dx + shift.x, dy + shift.y);
    this.drawObject(context, { frame, id: this.store.chosen.id, canvas: project.canvas });
  }

  /** @param {CanvasRenderingContext2D} context */
  useClipPixels(context) {
    const { scale, x, y } = this.camera;
    const ratio = this.ratio;
    context.setTransform(scale * ratio, 0, 0, scale * ratio, x * ratio, y * ratio);
    context.imageSmoothingEnabled = scale * ratio < PIXELS_SHOW_FROM;
  }

  /** Depth and content pictures to lay over the frame. @param {number} frame @returns {Extras} */
  extrasOf(frame) {
    const { store, pictures } = this;
    if (store.hideAll || showsScene(store) || !pictures) return { depth: null, contents: [] };
    const depth = store.layers.depth ? pictures.getOrOlder(depthPath(store, frame)) ?? null : null;
    if (!store.layers.content) return { depth, contents: [] };
    const withContent = drawnObjects(store).filter(({ id }) => store.frameBits(id, frame) & BIT.content);
    return { depth, contents: withContent.flatMap(({ id }) => pictures.getOrOlder(contentPath(store, id, frame)) ?? []) };
  }

  /**
   * Everything the composed picture depends on: while it is the same the picture is, too.
   * @param {{frame: number, picture: ImageBitmap | null, extras: Extras, project: Project}} what
   */
  keyOf({ frame, picture, extras, project }) {
    const { store, camera } = this;
    const strokes = store.pending.filter((item) => item.kind === "stroke" && item.frame === frame);
    const painting = this.pointer.stroke ? this.pointer.stroke.points.length : 0;
    return JSON.stringify([
      frame, picture?.width, showsScene(store) && scenePath(store, frame), this.pointer.sceneShift, extras.contents.length, Boolean(extras.depth), this.pictures?.serial,
      this.masks.get(frame)?.serial, store.stampOf(frame),
      camera.scale, camera.x, camera.y, this.base.width, this.base.height, store.chosen.id, store.layers, store.hideAll,
      strokes.length, painting, project.canvas, Boolean(this.hypotheses.heatOn(frame)), this.hypotheses.serial,
      Boolean(this.open.on(frame)), this.open.serial, this.onion.on(frame),
    ]);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {{picture: ImageBitmap, extras: Extras, project: Project}} what
   */
  drawFrame(context, { picture, extras: { depth, contents }, project }) {
    const [width, height] = project.size_wh;
    const { left, top, size_wh: canvasSize } = project.canvas;
    if (canvasSize[0] > width || canvasSize[1] > height) drawPadding(context, { canvas: project.canvas, scale: this.camera.scale });
    context.drawImage(depth || picture, 0, 0, width, height);
    for (const content of contents) context.drawImage(content, -left, -top, canvasSize[0], canvasSize[1]);
  }

  /** @param {CanvasRenderingContext2D} context @param {{frame: number, project: Project}} what */
  drawMasks(context, { frame, project }) {
    const { store } = this;
    /** @param {Thing} thing */
    const isChosen = ({ id }) => Number(id === store.chosen.id);
    const chosenLast = [...drawnObjects(store)].sort((a, b) => isChosen(a) - isChosen(b));
    /** @type {(number | null)[]} */
    const handles = chosenLast.map(({ id }) => id);
    // A stroke that makes a new object has no id yet and is painted all the same.
    if (this.strokes(frame, null).length) handles.push(null);
    for (const id of handles) this.drawObject(context, { frame, id, canvas: project.canvas });
    this.onion.draw(context, { frame, project, scale: this.camera.scale });
    this.drawOpenPart(context, { frame, project });
    this.hypotheses.drawHeat(context, frame);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    for (const { id } of chosenLast) this.drawNumber(context, { frame, id });
  }

  /** @param {CanvasRenderingContext2D} context @param {{frame: number, project: Project}} what */
  drawOpenPart(context, { frame, project }) {
    const { id } = this.store.chosen;
    const entry = this.masks.get(frame);
    const key = `${id}/${frame}/${entry?.serial}`;
    this.open.draw(context, {
      frame, key, masks: entry?.objects[id ?? -1], strokes: this.strokes(frame, id), canvas: project.canvas, size: project.size_wh,
    });
  }

  /** @param {CanvasRenderingContext2D} context @param {{frame: number, id: number}} what */
  drawNumber(context, { frame, id }) {
    const { layers, chosen } = this.store;
    if (!layers.modal && !layers.hidden) return;
    const raster = this.masks.raster(frame, id, this.fillLayers(frame, id));
    if (raster?.bounds) drawNumber(context, { id, at: this.camera.toScreen(raster), isChosen: id === chosen.id });
  }

  /**
   * Which masks are filled. Where content shows the object in its own colours a fill would be in the way.
   * @param {number} frame
   * @param {number | null} id
   */
  fillLayers(frame, id) {
    const { modal, hidden, content } = this.store.layers;
    const shows = content && Boolean(this.store.frameBits(id, frame) & BIT.content);
    return { modal: modal && !shows, hidden: hidden && !shows };
  }

  /** @param {number} frame @param {number | null} id */
  strokes(frame, id) {
    return strokesFor({ store: this.store, active: this.pointer.stroke, frame, id });
  }

  /** @param {CanvasRenderingContext2D} context @param {{frame: number, id: number | null, canvas: Canvas}} what */
  drawObject(context, { frame, id, canvas }) {
    const isChosen = id === this.store.chosen.id;
    const raster = this.masks.raster(frame, id, this.fillLayers(frame, id));
    const strokes = this.strokes(frame, id);
    context.globalAlpha = isChosen ? 1 : OTHERS_ALPHA;
    if (strokes.length) paintStrokes(context, { raster, strokes, id, canvas });
    else if (raster?.canvas) context.drawImage(raster.canvas, raster.x, raster.y);
    context.globalAlpha = 1;
    if (raster && !strokes.length) drawOutlines(context, { raster, id, isChosen, canvas, layers: this.store.layers, scale: this.camera.scale });
  }
}
