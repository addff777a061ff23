// @ts-check
// Frames to jump to: where something of an object changes, and the middle between two key frames.
import { BIT } from "./store.js";

const CHANGING = BIT.prompted | BIT.modal | BIT.amodal | BIT.occluded | BIT.content | BIT.accepted;

/**
 * The next frame, in a direction, on which an object's state is another than on the frame before it; null: none.
 * @param {Uint8Array} bits  a byte a frame
 * @param {number} frame
 * @param {1 | -1} step
 */
export function changeFrom(bits, frame, step) {
  for (let at = frame + step; at > 0 && at < bits.length; at += step) {
    if ((bits[at] ^ bits[at - 1]) & CHANGING) return at;
  }
  return step < 0 && frame > 0 ? 0 : null;
}

/**
 * The middle between the key frames around a frame; null when there are no two, or nothing lies between them.
 * @param {number[]} keys
 * @param {number} frame
 */
export function middleOf(keys, frame) {
  const before = Math.max(...keys.filter((key) => key <= frame));
  const after = Math.min(...keys.filter((key) => key > frame));
  const middle = Math.floor((before + after) / 2);
  return Number.isFinite(middle) && middle > before ? middle : null;
}
