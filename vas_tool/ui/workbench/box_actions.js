// @ts-check
// What a person does with amodal boxes.
/** @import { Corners, CropRule } from "./types.d.ts" */
/** @import { Actions } from "./actions.js" */

export class BoxActions {
  /** @param {Actions} actions */
  constructor(actions) {
    this.actions = actions;
  }

  /** A keyframe of the chosen object. @param {number} frame @param {Corners} box */
  put(frame, box) {
    const handle = this.actions.store.chosen;
    this.actions.send("amodal_box", () => ({ frame, ...box, object: handle.id }), { pending: { kind: "amodal_box", frame, handle, ...box }, handle });
  }

  /** @param {number} frame */
  remove(frame) {
    const handle = this.actions.store.chosen;
    this.actions.send("remove_amodal_box", () => ({ object: handle.id, frame }), { pending: { kind: "unamodal_box", frame, handle }, handle });
  }

  /**
   * No box from this frame on; where that is said already, take it back.
   * @param {number} frame
   * @param {boolean} isEnd
   */
  end(frame, isEnd) {
    if (isEnd) return this.remove(frame);
    const handle = this.actions.store.chosen;
    return this.actions.send("end_amodal_box", () => ({ object: handle.id, frame }), { pending: { kind: "no_amodal_box", frame, handle }, handle });
  }

  /** How boxes become crops. @param {Partial<CropRule>} change */
  crop(change) {
    this.actions.send("crop", () => change);
  }
}
