// The crop around the amodal box, exactly as the amodal stage sees it, with the result and beside it the one without.
import { keyframesNow } from "./amodal_box.js";
import { beyond, boxOn, cropOn } from "./boxes.js";
import { cssOf } from "./colours.js";
import { outline, rowsOf } from "./trace.js";

const TINY = 32; // pixels of the object's smaller side, in the crop or in the video, below which a model sees too little of it
const TOUCHES = 1.5; // crop pixels between the box and the crop's rim
const DRAW_ONE = "Drag around the whole object, hidden part included, beyond the picture if need be.";
const NO_BOX_HERE = "No box here: before the first keyframe, after the last, or after its end (K). Completed without a crop.";
const LARGEST_PADDING = 0.5; // of the frame, on each side
const LINE = 2; // css pixels

export class CropPanel {
  constructor({ root, store, view, masks, actions }) {
    Object.assign(this, { store, view, masks, actions, root });
    this.part = (name) => root.querySelector(`[data-part="${name}"]`);
    this.drawn = "";
    this.part("crop-margin").onchange = (event) => actions.boxes.crop({ margin: Number(event.target.value) });
    this.part("crop-aspect").onchange = (event) => actions.boxes.crop({ keep_aspect: event.target.checked });
    this.part("crop-compare").onchange = (event) => actions.boxes.crop({ compare: event.target.checked });
    this.part("crop-span").onchange = (event) => actions.boxes.crop({ span: event.target.checked });
  }

  /** Called after every picture: draws only when something it shows has changed. */
  paint(frame) {
    const { store, view } = this;
    const keyframes = store.chosenObject || view.pointer.amodalBox ? keyframesNow(store, view.pointer) : [];
    const box = frame === null ? null : boxOn(keyframes, frame);
    this.part("crop").hidden = !keyframes.length && store.tool !== "amodal";
    this.renderRule();
    const key = JSON.stringify([frame, box, keyframes.length, store.project?.crop, store.project?.model_wh, store.project?.canvas, store.cropIsLarge, this.stampOf(frame)]);
    if (key === this.drawn) return;
    this.drawn = key;
    this.part("crop-tiles").hidden = !box;
    this.part("crop-tiles").classList.toggle("vas-large", store.cropIsLarge);
    if (!box) return this.tell(keyframes.length ? NO_BOX_HERE : DRAW_ONE, "");
    const { project } = store;
    const crop = cropOn(keyframes, frame, { rule: project.crop, frameWh: project.size_wh, modelWh: project.model_wh });
    this.drawTiles(frame, crop);
    this.tellOf({ frame, box, crop });
    return undefined;
  }

  stampOf(frame) {
    const { store, masks, view } = this;
    const picture = frame === null ? null : view.sharpestOf(frame);
    return [store.chosen.id, masks.get(frame)?.serial, picture?.width, store.chosenObject?.agreement?.[frame]];
  }

  drawTiles(frame, crop) {
    const shown = this.masks.get(frame)?.objects[this.store.chosen.id] ?? {};
    this.drawTile(this.part("crop-canvas"), { frame, crop, runs: shown.amodal });
    this.part("crop-beside").hidden = !shown.uncropped;
    if (shown.uncropped) this.drawTile(this.part("uncropped-canvas"), { frame, crop, runs: shown.uncropped });
  }

  drawTile(canvas, { frame, crop: { rect, size }, runs }) {
    const { store, view } = this;
    const [width, height] = store.project.size_wh;
    const [across, down] = [size[0] / (rect[2] - rect[0]), size[1] / (rect[3] - rect[1])];
    Object.assign(canvas, { width: size[0], height: size[1] });
    const context = canvas.getContext("2d");
    context.fillStyle = "#000";
    context.fillRect(0, 0, ...size);
    context.setTransform(across, 0, 0, down, -rect[0] * across, -rect[1] * down);
    const picture = view.sharpestOf(frame);
    context.imageSmoothingQuality = "high"; // averages where the crop is the smaller, as the crop of the run does
    if (picture) context.drawImage(picture, 0, 0, width, height);
    if (!runs) return;
    const { left, top, size_wh: canvasSize } = store.project.canvas;
    context.translate(-left, -top);
    const path = outline(rowsOf(runs, canvasSize[0]), canvasSize[0]);
    const line = (LINE * size[0]) / (canvas.clientWidth || size[0]) / across; // as wide on the screen at every size
    for (const [factor, style] of [[2, "rgba(0,0,0,.55)"], [1, cssOf(store.chosen.id)]]) {
      context.lineWidth = factor * line;
      context.strokeStyle = style;
      context.stroke(path);
    }
  }

  tellOf({ frame, box, crop: { rect, size } }) {
    const [across, down] = [size[0] / (rect[2] - rect[0]), size[1] / (rect[3] - rect[1])];
    const [width, height] = [(box.x1 - box.x0) * across, (box.y1 - box.y0) * down];
    const share = this.store.chosenObject?.agreement?.[frame];
    const agrees = share === undefined ? "" : ` The result's box agrees ${Math.round(100 * share)} % with it.`;
    const where = box.between ? "between keyframes" : "a keyframe";
    const sizes = `The model sees ${size.join(" × ")}; the object has ${Math.round(width)} × ${Math.round(height)} of it`;
    this.tell(`${sizes} (${where}).${agrees}`, this.warningOf({ width, height, box, rect, scale: [across, down] }));
  }

  /** Nothing is cut without a word. */
  cutOf(box) {
    const { canvas, size_wh: size } = this.store.project;
    const pixels = Math.ceil(beyond(box, canvas, size));
    if (!pixels) return "";
    const largest = canvas.left / size[0] > LARGEST_PADDING - 0.01;
    const remedy = largest ? "It cannot be larger than +50 %." : "Enlarge it below; masks that exist stay, and A makes them anew.";
    return `The box reaches ${pixels} pixels beyond the work area: the mask is cut there. ${remedy}`;
  }

  warningOf({ width, height, box, rect, scale: [across, down] }) {
    const cut = this.cutOf(box);
    if (cut) return cut;
    const inVideo = [box.x1 - box.x0, box.y1 - box.y0].map(Math.round);
    if (Math.min(...inVideo) < TINY) return `Tiny: the video shows only ${inVideo.join(" × ")} pixels of it; the crop makes them larger, not more.`;
    if (Math.min(width, height) < TINY) return "Tiny: the model sees too little of it. Use a smaller margin, or one crop a frame.";
    const gaps = [(box.x0 - rect[0]) * across, (box.y0 - rect[1]) * down, (rect[2] - box.x1) * across, (rect[3] - box.y1) * down];
    return Math.min(...gaps) < TOUCHES ? "The object touches the crop's edge. Use a larger margin." : "";
  }

  tell(text, warning) {
    this.part("crop-text").textContent = text;
    this.part("crop-warning").textContent = warning;
    this.part("crop-warning").hidden = !warning;
  }

  renderRule() {
    const rule = this.store.project?.crop;
    if (!rule || this.rule === JSON.stringify(rule)) return;
    this.rule = JSON.stringify(rule);
    const select = this.part("crop-margin");
    if (![...select.options].some(({ value }) => Number(value) === rule.margin)) {
      select.append(new Option(`${Math.round(100 * rule.margin)} %`, String(rule.margin)));
    }
    select.value = [...select.options].find(({ value }) => Number(value) === rule.margin).value;
    this.part("crop-aspect").checked = rule.keep_aspect;
    this.part("crop-span").checked = rule.span;
    this.part("crop-compare").checked = rule.compare;
  }
}
