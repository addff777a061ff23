// @ts-check
// The crop around the amodal box, exactly as the amodal stage sees it, with the result and beside it the one without.
import { keyframesNow } from "./amodal_box.js";
import { beyond, boxOn, cropOn } from "./boxes.js";
import { cssOf } from "./colours.js";
import { found, partOf, penOf } from "./elements.js";
import { outline, rowsOf } from "./trace.js";
/** @import { BoxOn, Crop, Edges, Project, Runs } from "./types.d.ts" */
/** @import { Actions } from "./actions.js" */
/** @import { Masks } from "./masks.js" */
/** @import { Store } from "./store.js" */
/** @import { View } from "./view.js" */

const TINY = 32; // pixels of the object's smaller side, in the crop or in the video, below which a model sees too little of it
const TOUCHES = 1.5; // crop pixels between the box and the crop's rim
const DRAW_ONE = "Drag around the whole object, hidden part included, beyond the picture if need be.";
const NO_BOX_HERE = "No box here: before the first keyframe, after the last, or after its end (K). Completed without a crop.";
const LARGEST_PADDING = 0.5; // of the frame, on each side
const LINE = 2; // css pixels

export class CropPanel {
  /** @param {{root: HTMLElement, store: Store, view: View, masks: Masks, actions: Actions}} parts */
  constructor({ root, store, view, masks, actions }) {
    this.store = store;
    this.view = view;
    this.masks = masks;
    this.root = root;
    this.drawn = "";
    this.rule = "";
    this.margin = found(root, '[data-part="crop-margin"]', HTMLSelectElement);
    this.margin.onchange = () => actions.boxes.crop({ margin: Number(this.margin.value) });
    this.aspect = this.box("crop-aspect", (checked) => actions.boxes.crop({ keep_aspect: checked }));
    this.compare = this.box("crop-compare", (checked) => actions.boxes.crop({ compare: checked }));
    this.span = this.box("crop-span", (checked) => actions.boxes.crop({ span: checked }));
  }

  /** @param {string} name */
  part(name) {
    return partOf(this.root, name);
  }

  /** A box to tick. @param {string} name @param {(checked: boolean) => void} onChange */
  box(name, onChange) {
    const box = found(this.root, `[data-part="${name}"]`, HTMLInputElement);
    box.onchange = () => onChange(box.checked);
    return box;
  }

  /**
   * Called after every picture: draws only when something it shows has changed.
   * @param {number | null} frame
   */
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
    const { project } = store;
    if (!box || frame === null || !project) return this.setText(keyframes.length ? NO_BOX_HERE : DRAW_ONE, "");
    const crop = cropOn(keyframes, frame, { rule: project.crop, frameWh: project.size_wh, modelWh: project.model_wh });
    if (!crop) return undefined;
    this.drawTiles(frame, crop, project);
    return this.tellOf({ frame, box, crop, project });
  }

  /** @param {number | null} frame */
  stampOf(frame) {
    const { store, masks, view } = this;
    if (frame === null) return null;
    return [store.chosen.id, masks.get(frame)?.serial, view.sharpestOf(frame)?.width, store.chosenObject?.agreement[frame]];
  }

  /** @param {number} frame @param {Crop} crop @param {Project} project */
  drawTiles(frame, crop, project) {
    const { amodal, uncropped } = this.masks.get(frame)?.objects[this.store.chosen.id ?? ""] ?? {};
    /** @param {string} name */
    const canvas = (name) => found(this.root, `[data-part="${name}"]`, HTMLCanvasElement);
    this.drawTile(canvas("crop-canvas"), { frame, crop, runs: amodal, project });
    this.part("crop-beside").hidden = !uncropped;
    if (uncropped) this.drawTile(canvas("uncropped-canvas"), { frame, crop, runs: uncropped, project });
  }

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {{frame: number, crop: Crop, runs: Runs | null | undefined, project: Project}} what
   */
  drawTile(canvas, { frame, crop: { rect, size }, runs, project }) {
    const { store, view } = this;
    const [width, height] = project.size_wh;
    const [across, down] = [size[0] / (rect[2] - rect[0]), size[1] / (rect[3] - rect[1])];
    Object.assign(canvas, { width: size[0], height: size[1] });
    const context = penOf(canvas);
    context.fillStyle = "#000";
    context.fillRect(0, 0, ...size);
    context.setTransform(across, 0, 0, down, -rect[0] * across, -rect[1] * down);
    const picture = view.sharpestOf(frame);
    context.imageSmoothingQuality = "high"; // averages where the crop is the smaller, as the crop of the run does
    if (picture) context.drawImage(picture, 0, 0, width, height);
    if (!runs) return;
    const { left, top, size_wh: canvasSize } = project.canvas;
    context.translate(-left, -top);
    const path = outline(rowsOf(runs, canvasSize[0]), canvasSize[0]);
    const line = (LINE * size[0]) / (canvas.clientWidth || size[0]) / across; // as wide on the screen at every size
    /** @type {[number, string][]} */
    const lines = [[2, "rgba(0,0,0,.55)"], [1, cssOf(store.chosen.id)]];
    for (const [factor, style] of lines) {
      context.lineWidth = factor * line;
      context.strokeStyle = style;
      context.stroke(path);
    }
  }

  /** @param {{frame: number, box: BoxOn, crop: Crop, project: Project}} what */
  tellOf({ frame, box, crop: { rect, size }, project }) {
    const [across, down] = [size[0] / (rect[2] - rect[0]), size[1] / (rect[3] - rect[1])];
    const [width, height] = [(box.x1 - box.x0) * across, (box.y1 - box.y0) * down];
    const share = this.store.chosenObject?.agreement[frame];
    const agrees = share === undefined ? "" : ` The result's box agrees ${Math.round(100 * share)} % with it.`;
    const where = box.between ? "between keyframes" : "a keyframe";
    const sizes = `The model sees ${size.join(" × ")}; the object has ${Math.round(width)} × ${Math.round(height)} of it`;
    this.setText(`${sizes} (${where}).${agrees}`, this.warningOf({ width, height, box, rect, scale: [across, down], project }));
  }

  /** Nothing is cut without a word. @param {BoxOn} box @param {Project} project */
  cutOf(box, { canvas, size_wh: size }) {
    const pixels = Math.ceil(beyond(box, canvas, size));
    if (!pixels) return "";
    const largest = canvas.left / size[0] > LARGEST_PADDING - 0.01;
    const remedy = largest ? "It cannot be larger than +50 %." : "Enlarge it below; masks that exist stay, and A makes them anew.";
    return `The box reaches ${pixels} pixels beyond the work area: the mask is cut there. ${remedy}`;
  }

  /**
   * @param {{width: number, height: number, box: BoxOn, rect: Edges, scale: [number, number], project: Project}} what
   */
  warningOf({ width, height, box, rect, scale: [across, down], project }) {
    const cut = this.cutOf(box, project);
    if (cut) return cut;
    const inVideo = [box.x1 - box.x0, box.y1 - box.y0].map(Math.round);
    if (Math.min(...inVideo) < TINY) return `Tiny: the video shows only ${inVideo.join(" × ")} pixels of it; the crop makes them larger, not more.`;
    if (Math.min(width, height) < TINY) return "Tiny: the model sees too little of it. Use a smaller margin, or one crop a frame.";
    const gaps = [(box.x0 - rect[0]) * across, (box.y0 - rect[1]) * down, (rect[2] - box.x1) * across, (rect[3] - box.y1) * down];
    return Math.min(...gaps) < TOUCHES ? "The object touches the crop's edge. Use a larger margin." : "";
  }

  /** @param {string} text @param {string} warning */
  setText(text, warning) {
    this.part("crop-text").textContent = text;
    this.part("crop-warning").textContent = warning;
    this.part("crop-warning").hidden = !warning;
  }

  renderRule() {
    const rule = this.store.project?.crop;
    if (!rule || this.rule === JSON.stringify(rule)) return;
    this.rule = JSON.stringify(rule);
    const optionOf = () => [...this.margin.options].find(({ value }) => Number(value) === rule.margin);
    if (!optionOf()) this.margin.append(new Option(`${Math.round(100 * rule.margin)} %`, String(rule.margin)));
    this.margin.value = optionOf()?.value ?? "";
    this.aspect.checked = rule.keep_aspect;
    this.span.checked = rule.span;
    this.compare.checked = rule.compare;
  }
}
