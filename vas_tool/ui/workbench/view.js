// The picture stage: one canvas. The frame with its masks is composed once into a hidden canvas and reused while
// only the pointer moves; dots, boxes and the brush are drawn over it.
import { cssOf } from "./colours.js";
import { Camera } from "./camera.js";
import { screenWidth } from "./frames.js";
import { drawNumber, drawOverlays } from "./overlays.js";
import { contentPath, depthPath, drawnObjects, framePath } from "./prefetch.js";
import { paintStrokes, strokesFor } from "./strokes.js";
import { BIT } from "./store.js";

const PIXELS_SHOW_FROM = 3; // screen pixels for one clip pixel from which they are drawn as squares
const OTHERS_ALPHA = 0.5;
const DASH = [7, 5]; // css pixels
const WIDTHS = [null, 640, 960, 1280, 1920, 2560];

export class View {
  constructor({ canvas, store, masks, hypotheses, onPaint }) {
    Object.assign(this, { canvas, store, masks, hypotheses, onPaint });
    this.pictures = null;
    this.context = canvas.getContext("2d", { alpha: false });
    this.base = document.createElement("canvas");
    this.baseContext = this.base.getContext("2d", { alpha: false });
    this.baseKey = "";
    this.camera = new Camera();
    this.pointer = { tool: null }; // what the tools want drawn: hover, drag, stroke
    this.shown = null; // the frame whose picture is on the stage
    this.requested = 0;
    new ResizeObserver(() => this.resize()).observe(canvas.parentElement);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas.parentElement;
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
    const width = this.store.project.size_wh[0];
    return screenWidth(width * this.camera.scale * (this.ratio || 1), width);
  }

  request() {
    if (!this.requested) this.requested = requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.requested = 0;
    const { store, context } = this;
    const frame = this.pickFrame();
    if (frame === null) {
      context.fillStyle = "#0d0f12";
      context.fillRect(0, 0, this.canvas.width, this.canvas.height);
      return;
    }
    this.setArea(store.project);
    this.compose(frame);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(this.base, 0, 0);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    drawOverlays(context, { store, camera: this.camera, frame, pointer: this.pointer });
    this.onPaint(frame, this.masks.get(frame));
  }

  /** Make a frame's drawings before it is wanted. */
  prepare(frame) {
    if (!this.store.state || this.masks.needs(frame)) return;
    for (const { id } of drawnObjects(this.store)) this.masks.raster(frame, id, this.fillLayers(frame, id));
  }

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

  /** The frame's picture at the best width, else at any width that is here. */
  pictureOf(frame) {
    const best = this.pictures.get(framePath(frame, this.frameWidth));
    if (best) return best;
    for (const width of WIDTHS) {
      const other = this.pictures.get(framePath(frame, width));
      if (other) return other;
    }
    return null;
  }

  /** The frame's picture in the clip's own size when that is here, else what the stage shows. */
  sharpestOf(frame) {
    return this.pictures.get(framePath(frame, null)) ?? this.pictureOf(frame);
  }

  compose(frame) {
    const picture = this.pictureOf(frame);
    const extras = this.extrasOf(frame);
    const key = this.keyOf({ frame, picture, extras });
    if (key === this.baseKey || !picture) return;
    this.baseKey = key;
    const context = this.baseContext;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#0d0f12";
    context.fillRect(0, 0, this.base.width, this.base.height);
    this.useClipPixels(context);
    this.drawFrame(context, picture, extras);
    if (!this.store.hideAll) this.drawMasks(context, frame);
  }

  useClipPixels(context) {
    const { scale, x, y } = this.camera;
    const ratio = this.ratio;
    context.setTransform(scale * ratio, 0, 0, scale * ratio, x * ratio, y * ratio);
    context.imageSmoothingEnabled = scale * ratio < PIXELS_SHOW_FROM;
  }

  /** Depth and content pictures to lay over the frame. */
  extrasOf(frame) {
    const { store } = this;
    if (store.hideAll) return { contents: [] };
    const depth = store.layers.depth ? this.pictures.getOrOlder(depthPath(store, frame)) : null;
    if (!store.layers.content) return { depth, contents: [] };
    const withContent = drawnObjects(store).filter(({ id }) => store.frameBits(id, frame) & BIT.content);
    const pictures = withContent.map(({ id }) => this.pictures.getOrOlder(contentPath(store, id, frame)));
    return { depth, contents: pictures.filter(Boolean) };
  }

  /** Everything the composed picture depends on: while it is the same the picture is, too. */
  keyOf({ frame, picture, extras }) {
    const { store, camera } = this;
    const strokes = store.pending.filter((item) => item.kind === "stroke" && item.frame === frame);
    const painting = this.pointer.stroke ? this.pointer.stroke.points.length : 0;
    return JSON.stringify([
      frame, picture?.width, extras.contents.length, Boolean(extras.depth), this.pictures.serial,
      this.masks.get(frame)?.serial, store.stampOf(frame),
      camera.scale, camera.x, camera.y, this.base.width, this.base.height, store.chosen.id, store.layers, store.hideAll,
      strokes.length, painting, store.project.canvas, Boolean(this.hypotheses.heatOn(frame)), this.hypotheses.serial,
    ]);
  }

  drawFrame(context, picture, { depth, contents }) {
    const [width, height] = this.store.project.size_wh;
    const { left, top, size_wh: canvasSize } = this.store.project.canvas;
    if (canvasSize[0] > width || canvasSize[1] > height) this.drawPadding(context);
    context.drawImage(depth || picture, 0, 0, width, height);
    for (const content of contents) context.drawImage(content, -left, -top, canvasSize[0], canvasSize[1]);
  }

  /** The part of the work area outside the frame: plainly not picture, but there. */
  drawPadding(context) {
    const { left, top, size_wh: [width, height] } = this.store.project.canvas;
    context.fillStyle = "#1b1f25";
    context.fillRect(-left, -top, width, height);
    context.lineWidth = 1 / this.camera.scale;
    context.setLineDash([4 / this.camera.scale, 4 / this.camera.scale]);
    context.strokeStyle = "#4a5361";
    context.strokeRect(-left, -top, width, height);
    context.setLineDash([]);
    context.fillStyle = "#77818f";
    context.font = `${11 / this.camera.scale}px system-ui, sans-serif`;
    context.fillText("outside the picture", -left + 6 / this.camera.scale, -top + 15 / this.camera.scale);
  }

  drawMasks(context, frame) {
    const { store } = this;
    const chosenLast = [...drawnObjects(store)].sort((a, b) => (a.id === store.chosen.id) - (b.id === store.chosen.id));
    const handles = chosenLast.map(({ id }) => id);
    // A stroke that makes a new object has no id yet and is painted all the same.
    if (this.strokes(frame, null).length) handles.push(null);
    for (const id of handles) this.drawObject(context, { frame, id });
    this.hypotheses.drawHeat(context, frame);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    for (const { id } of chosenLast) this.drawNumber(context, { frame, id });
  }

  drawNumber(context, { frame, id }) {
    const { layers, chosen } = this.store;
    if (!layers.modal && !layers.hidden) return;
    const raster = this.masks.raster(frame, id, this.fillLayers(frame, id));
    if (raster?.bounds) drawNumber(context, { id, at: this.camera.toScreen(raster), isChosen: id === chosen.id });
  }

  /** Which masks are filled. Where content shows the object in its own colours a fill would be in the way. */
  fillLayers(frame, id) {
    const { modal, hidden, content } = this.store.layers;
    const shows = content && Boolean(this.store.frameBits(id, frame) & BIT.content);
    return { modal: modal && !shows, hidden: hidden && !shows };
  }

  strokes(frame, id) {
    return strokesFor({ store: this.store, active: this.pointer.stroke, frame, id });
  }

  drawObject(context, { frame, id }) {
    const isChosen = id === this.store.chosen.id;
    const raster = this.masks.raster(frame, id, this.fillLayers(frame, id));
    const strokes = this.strokes(frame, id);
    context.globalAlpha = isChosen ? 1 : OTHERS_ALPHA;
    if (strokes.length) paintStrokes(context, { raster, strokes, id, canvas: this.store.project.canvas });
    else if (raster?.canvas) context.drawImage(raster.canvas, raster.x, raster.y);
    context.globalAlpha = 1;
    if (raster && !strokes.length) this.drawOutlines(context, { raster, id, isChosen });
  }

  drawOutlines(context, { raster, id, isChosen }) {
    const { layers, project } = this.store;
    const width = (isChosen ? 2 : 1) / this.camera.scale;
    context.save();
    context.translate(-project.canvas.left, -project.canvas.top);
    context.setLineDash(DASH.map((length) => length / this.camera.scale));
    if (layers.hidden) this.strokePath(context, { path: raster.hiddenPath, id, width, isChosen });
    context.setLineDash([]);
    if (layers.modal) this.strokePath(context, { path: raster.modalPath, id, width, isChosen });
    context.restore();
  }

  strokePath(context, { path, id, width, isChosen }) {
    context.lineJoin = "round";
    if (isChosen) {
      // A dark line beneath keeps the outline readable on a picture of the same colour.
      context.lineWidth = width * 2;
      context.strokeStyle = "rgba(0,0,0,.45)";
      context.stroke(path);
    }
    context.lineWidth = width;
    context.strokeStyle = cssOf(id);
    context.stroke(path);
  }
}
