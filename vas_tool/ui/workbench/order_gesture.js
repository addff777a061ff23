// @ts-check
// The click after J: the object that is clicked hides the chosen one; with Shift or the right button it is behind it.
/** @import { MasksEntry, Point, Project, Runs } from "./types.d.ts" */
/** @import { Tools } from "./tools.js" */

/**
 * Is a pixel in runs?
 * @param {Runs} runs
 * @param {number} at
 */
export function isIn(runs, at) {
  let [low, high] = [0, runs.length]; // how many run ends lie at or before the pixel
  while (low < high) {
    const middle = (low + high) >> 1;
    if (runs[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low % 2 === 1;
}

/**
 * The object under a clip pixel: one that is seen there, else one whose whole lies there; never the chosen one.
 * @param {{entry: MasksEntry | undefined, project: Project, at: Point, but: number | null}} where
 * @returns {number | null}
 */
export function objectAt({ entry, project: { size_wh: [width, height], canvas }, at, but }) {
  const [x, y] = [Math.floor(at.x), Math.floor(at.y)];
  const others = Object.entries(entry?.objects ?? {}).filter(([id]) => Number(id) !== but);
  const inFrame = x >= 0 && y >= 0 && x < width && y < height;
  const seen = others.find(([, { modal }]) => inFrame && isIn(modal, y * width + x));
  const [left, top] = [x + canvas.left, y + canvas.top];
  const inCanvas = left >= 0 && top >= 0 && left < canvas.size_wh[0] && top < canvas.size_wh[1];
  const whole = others.find(([, { amodal }]) => inCanvas && amodal && isIn(amodal, top * canvas.size_wh[0] + left));
  const found = seen ?? whole;
  return found ? Number(found[0]) : null;
}

export class OrderGesture {
  /** @param {Tools} tools @param {Point} at @param {PointerEvent} event */
  constructor(tools, at, event) {
    this.tools = tools;
    this.start = tools.view.camera.toClip(at);
    this.isBehind = event.button === 2 || event.shiftKey;
  }

  move() {}

  end() {
    const { store, view, actions, say } = this.tools;
    const { project, chosen: { id } } = store;
    if (!project || id === null) return;
    const other = objectAt({ entry: view.masks.get(view.shown ?? -1), project, at: this.start, but: id });
    if (other === null) {
      say("No other object has a mask there: click one that has.", { calm: true });
      return;
    }
    store.setTool("point");
    actions.order.say([this.isBehind ? [id, other] : [other, id]]);
  }

  cancel() {}
}
