// @ts-check
// Amodal boxes in numbers: between keyframes, as crops, under the pointer. The same formulas, in the same order of
// operations, as boxes.py, crops.py and cropping.py; both sides are tested on tests/box_cases.json.
/** @import { Box, BoxOn, Corners, Crop, CropHow, CropRule, Edges, Keyframe, Point, Rect, Size } from "./types.d.ts" */

/** @type {(keyframes: Keyframe[]) => Keyframe[]} */
const byFrame = (keyframes) => [...keyframes].sort((a, b) => a.frame - b.frame);
/** @type {(box: Corners) => Edges} */
const edgesOf = ({ x0, y0, x1, y1 }) => [x0, y0, x1, y1];
/** @type {(edges: Edges, frame: number) => Box} */
const boxOf = ([x0, y0, x1, y1], frame) => ({ frame, x0, y0, x1, y1 });

/** Is a keyframe a box, or {frame} alone: the end of one? @type {(keyframe: Keyframe) => keyframe is Box} */
export const isBox = (keyframe) => keyframe.x0 !== undefined;

/**
 * The box on a frame: a keyframe itself, or linearly between two; null before the first and after the last. From an
 * end to the next keyframe there is none; the box before it is held.
 * @param {Keyframe[]} keyframes
 * @param {number} frame
 * @returns {BoxOn | null}
 */
export function boxOn(keyframes, frame) {
  const own = keyframes.find((box) => box.frame === frame);
  if (own) return isBox(own) ? own : null;
  const ascending = byFrame(keyframes);
  const next = ascending.findIndex((box) => box.frame > frame);
  if (next <= 0) return null;
  const [before, after] = [ascending[next - 1], ascending[next]];
  if (!isBox(before)) return null;
  if (!isBox(after)) return { ...boxOf(edgesOf(before), frame), between: true };
  const t = (frame - before.frame) / (after.frame - before.frame);
  const [a, b] = [edgesOf(before), edgesOf(after)];
  /** @type {(side: 0 | 1 | 2 | 3) => number} */
  const at = (side) => a[side] + (b[side] - a[side]) * t;
  return { ...boxOf([at(0), at(1), at(2), at(3)], frame), between: true };
}

/**
 * The rectangle [x0, y0, x1, y1] of clip pixels that a crop of [width, height] shows around a box.
 * @param {Edges} box
 * @param {Size} size
 * @param {Pick<CropRule, "margin" | "keep_aspect">} rule
 * @returns {Edges}
 */
export function cropAround([x0, y0, x1, y1], [across, down], { margin, keep_aspect: keepAspect }) {
  const [grownWidth, grownHeight] = [(x1 - x0) * (1 + 2 * margin), (y1 - y0) * (1 + 2 * margin)];
  const width = keepAspect ? Math.max(grownWidth, (grownHeight * across) / down) : grownWidth;
  const height = keepAspect ? Math.max(grownHeight, (grownWidth * down) / across) : grownHeight;
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  return [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
}

/** @param {Size} size @param {Size} frameWh @returns {Size} */
function limited([width, height], frameWh) {
  const scale = Math.min(1, Math.max(...frameWh) / Math.max(width, height));
  /** @param {number} side */
  const least = (side) => Math.max(1, Math.ceil(side * scale));
  return [least(width), least(height)];
}

/** @param {Keyframe[]} keyframes @param {CropHow} how @returns {Crop} */
function spanCrop(keyframes, { rule, frameWh, modelWh }) {
  /** @type {(pick: (...edges: number[]) => number, of: keyof Corners) => number} */
  const edge = (pick, of) => pick(...keyframes.filter(isBox).map((box) => box[of]));
  /** @type {Edges} */
  const whole = [edge(Math.min, "x0"), edge(Math.min, "y0"), edge(Math.max, "x1"), edge(Math.max, "y1")];
  if (modelWh) return { rect: cropAround(whole, modelWh, rule), size: modelWh };
  const loose = cropAround(whole, [1, 1], { margin: rule.margin, keep_aspect: false });
  /** @type {Edges} */
  const rect = [Math.floor(loose[0]), Math.floor(loose[1]), Math.ceil(loose[2]), Math.ceil(loose[3])];
  return { rect, size: limited([rect[2] - rect[0], rect[3] - rect[1]], frameWh) };
}

/** @param {Keyframe[]} keyframes @param {CropHow} how */
function ownSize(keyframes, { rule, frameWh }) {
  /** @type {(from: "x0" | "y0", to: "x1" | "y1") => number} */
  const side = (from, to) => Math.max(...keyframes.filter(isBox).map((box) => box[to] - box[from])) * (1 + 2 * rule.margin);
  return limited([side("x0", "x1"), side("y0", "y1")], frameWh);
}

/**
 * What the amodal stage sees of a frame.
 * @param {Keyframe[]} keyframes
 * @param {number} frame
 * @param {CropHow} how
 * @returns {Crop | null}
 */
export function cropOn(keyframes, frame, how) {
  const box = boxOn(keyframes, frame);
  if (!box) return null;
  if (how.rule.span) return spanCrop(keyframes, how);
  const size = how.modelWh ?? ownSize(keyframes, how);
  return { rect: cropAround(edgesOf(box), size, how.rule), size };
}

/**
 * How far a box reaches beyond the work area, in clip pixels, on the side where it does most; 0: not at all.
 * @param {Corners} box
 * @param {Rect} canvas  the padding of each side
 * @param {Size} frameWh
 */
export function beyond({ x0, y0, x1, y1 }, { left, top, right, bottom }, [width, height]) {
  return Math.max(0, -left - x0, -top - y0, x1 - width - right, y1 - height - bottom);
}

/**
 * Where the eight handles of a box lie, named by their side or corner.
 * @param {Corners} box
 * @returns {Record<string, Point>}
 */
export function handlesOf({ x0, y0, x1, y1 }) {
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  return {
    nw: { x: x0, y: y0 }, n: { x, y: y0 }, ne: { x: x1, y: y0 }, e: { x: x1, y },
    se: { x: x1, y: y1 }, s: { x, y: y1 }, sw: { x: x0, y: y1 }, w: { x: x0, y },
  };
}

/**
 * A box after one of its handles ("move": all of it) was dragged; sides may cross.
 * @param {Box} box
 * @param {string} handle
 * @param {{dx: number, dy: number}} by
 */
export function dragged(box, handle, { dx, dy }) {
  const moves = handle === "move";
  /** @type {(side: string, value: number, delta: number) => number} */
  const at = (side, value, delta) => (moves || handle.includes(side) ? value + delta : value);
  const [left, right] = [at("w", box.x0, dx), at("e", box.x1, dx)];
  const [top, bottom] = [at("n", box.y0, dy), at("s", box.y1, dy)];
  /** @param {number} edge */
  const tenth = (edge) => Math.round(edge * 10) / 10;
  /** @type {Edges} */
  const edges = [Math.min(left, right), Math.min(top, bottom), Math.max(left, right), Math.max(top, bottom)];
  return boxOf([tenth(edges[0]), tenth(edges[1]), tenth(edges[2]), tenth(edges[3])], box.frame);
}
