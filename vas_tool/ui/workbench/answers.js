// @ts-check
// What the server sends, as the page keeps it.
/** @import { ObjectView, Thing } from "./types.d.ts" */

/**
 * A click or box as the page keeps it: a frame is called `frame` everywhere.
 * @template {{frame_index: number}} Mark
 * @param {Mark} mark
 */
const framed = (mark) => ({ ...mark, frame: mark.frame_index });

/** @type {(view: ObjectView) => Thing} */
export const thingOf = (view) => ({
  ...view, clicks: view.clicks.map(framed), boxes: view.boxes.map(framed), amodal_boxes: view.amodal_boxes.map(framed),
  templates: view.templates.map((template) => ({ ...template, poses: template.poses.map(framed) })),
});

/** "0306…" -> one byte a frame. @param {string} hex @returns {Uint8Array} */
export function bytesOf(hex) {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(hex.substr(2 * i, 2), 16);
  return bytes;
}
