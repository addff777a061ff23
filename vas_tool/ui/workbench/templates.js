// @ts-check
// Templates in numbers: poses between key frames, and under the pointer. The same formulas as project/templates.py;
// both sides are tested on tests/template_cases.json.
/** @import { Affine, Box, Point, Pose, Size, TemplateOn, TemplateView } from "./types.d.ts" */

/** The smallest and the largest scale, as the server takes them. */
const SCALES = [0.02, 50];
const NEAREST = 2; // clip pixels from the centre at which a drag of a corner begins, at least

/** The same direction, -180 to 180 degrees. @param {number} degrees */
const shorter = (degrees) => (degrees > 180 ? degrees - 360 : degrees < -180 ? degrees + 360 : degrees);

/** @param {Pose} before @param {Pose} after @param {number} frame @returns {Pose} */
function between(before, after, frame) {
  const t = (frame - before.frame) / (after.frame - before.frame);
  /** @param {"x" | "y" | "scale"} key */
  const at = (key) => before[key] + (after[key] - before[key]) * t;
  const turn = shorter(after.angle - before.angle);
  return { frame, x: at("x"), y: at("y"), angle: shorter(before.angle + turn * t), scale: at("scale") };
}

/**
 * The pose on a frame: given, or between two; null before the first and after the last.
 * @param {Pose[]} poses  ascending
 * @param {number} frame
 * @returns {Pose | null}
 */
export function poseOn(poses, frame) {
  const own = poses.find((pose) => pose.frame === frame);
  if (own) return own;
  const next = poses.findIndex((pose) => pose.frame > frame);
  return next <= 0 ? null : between(poses[next - 1], poses[next], frame);
}

/**
 * The template that is worked on at a frame: the newest that lies there, else the one whose key frames are nearest (of
 * several, the newest), shown a little farther along the way it last went. null: there is none.
 * @param {TemplateView[]} templates
 * @param {number} frame
 * @returns {TemplateOn | null}
 */
export function templateOn(templates, frame) {
  for (let index = templates.length - 1; index >= 0; index--) {
    const pose = poseOn(templates[index].poses, frame);
    if (pose) return { index, template: templates[index], pose, how: templates[index].poses.includes(pose) ? "given" : "between" };
  }
  const far = templates.map(({ poses }) => Math.max(poses[0].frame - frame, frame - poses[poses.length - 1].frame));
  const index = far.lastIndexOf(Math.min(...far));
  if (index < 0) return null;
  return { index, template: templates[index], pose: guessed(templates[index].poses, frame), how: "beyond" };
}

/**
 * Where a template may lie beyond its key frames: it goes on as between the two nearest, for as many frames at most.
 * @param {Pose[]} poses
 * @param {number} frame
 * @returns {Pose}
 */
function guessed(poses, frame) {
  const [last, other = last] = frame < poses[0].frame ? poses : [...poses].reverse();
  const steps = Math.abs(last.frame - other.frame) || 1;
  const part = Math.min(Math.abs(frame - last.frame), steps) / steps;
  return { ...last, frame, x: last.x + (last.x - other.x) * part, y: last.y + (last.y - other.y) * part };
}

/**
 * Pixels of the template's box -> clip pixels: [a, b, c, d, e, f] as the canvas takes it.
 * @param {Pose} pose
 * @param {Size} size
 * @returns {Affine}
 */
export function matrixOf({ x, y, angle, scale }, [width, height]) {
  const turn = (angle * Math.PI) / 180;
  const [cos, sin] = [scale * Math.cos(turn), scale * Math.sin(turn)];
  const [dx, dy] = [-width / 2, -height / 2];
  return [cos, sin, -sin, cos, cos * dx - sin * dy + x, sin * dx + cos * dy + y];
}

/** @param {Affine} matrix @param {Point} point @returns {Point} */
export const through = ([a, b, c, d, e, f], { x, y }) => ({ x: a * x + c * y + e, y: b * x + d * y + f });

/**
 * The corners of a placed template, in clip pixels: top left, then clockwise.
 * @param {Pose} pose
 * @param {Size} size
 */
export function cornersOf(pose, [width, height]) {
  const matrix = matrixOf(pose, [width, height]);
  return [[0, 0], [width, 0], [width, height], [0, height]].map(([x, y]) => through(matrix, { x, y }));
}

/** @type {(value: number, digits: number) => number} */
const rounded = (value, digits) => Math.round(value * 10 ** digits) / 10 ** digits;

/**
 * A pose after a handle was dragged from one clip pixel to another: "move", "turn", or "scale" about the centre.
 * @param {Pose} pose
 * @param {string} handle
 * @param {{from: Point, to: Point}} drag
 * @returns {Pose}
 */
export function draggedPose(pose, handle, { from, to }) {
  if (handle === "move") return { ...pose, x: rounded(pose.x + to.x - from.x, 2), y: rounded(pose.y + to.y - from.y, 2) };
  const [a, b] = [from, to].map(({ x, y }) => ({ angle: Math.atan2(y - pose.y, x - pose.x), far: Math.hypot(x - pose.x, y - pose.y) }));
  if (handle === "turn") {
    const turned = shorter(shorter(pose.angle + ((b.angle - a.angle) * 180) / Math.PI));
    return { ...pose, angle: rounded(turned, 2) };
  }
  const scale = Math.min(Math.max((pose.scale * b.far) / Math.max(a.far, NEAREST), SCALES[0]), SCALES[1]);
  return { ...pose, scale: rounded(scale, 4) };
}

/** Does a placed template's box hold a clip pixel? @param {Pose} pose @param {Size} size @param {Point} at */
export function holds({ x, y, angle, scale }, [width, height], at) {
  const turn = (angle * Math.PI) / 180;
  const [dx, dy] = [at.x - x, at.y - y];
  const [u, v] = [(Math.cos(turn) * dx + Math.sin(turn) * dy) / scale, (Math.cos(turn) * dy - Math.sin(turn) * dx) / scale];
  return Math.abs(u) <= width / 2 && Math.abs(v) <= height / 2;
}

/** A template's key frames as marks of the timeline. @param {TemplateView} template @returns {Box[]} */
export const marksOf = ({ poses }) => poses.map(({ frame }) => ({ frame, x0: 0, y0: 0, x1: 0, y1: 0 }));
