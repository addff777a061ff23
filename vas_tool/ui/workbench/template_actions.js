// @ts-check
// What a person does with templates.
/** @import { Pose } from "./types.d.ts" */
/** @import { Actions } from "./actions.js" */

export class TemplateActions {
  /** @param {Actions} actions */
  constructor(actions) {
    this.actions = actions;
  }

  /** The chosen object's outline on a frame becomes a new template. @param {number} frame */
  take(frame) {
    const { store, say } = this.actions;
    const handle = store.chosen;
    const then = () => say(`Outline taken from frame ${frame}. Go to a frame where a part is hidden: drag it into place, or press . to fit it.`, { calm: true, passes: true });
    this.actions.send("take_template", () => ({ object: handle.id, frame }), { handle, then });
  }

  /**
   * A key frame. `reach`: how near the visible edge must be for the outline to be moved onto it, in clip pixels.
   * @param {number} index
   * @param {Pose} pose
   * @param {number} reach
   */
  place(index, pose, reach) {
    const handle = this.actions.store.chosen;
    this.actions.send("template", () => ({ object: handle.id, index, ...pose, reach }), { pending: { kind: "template", frame: pose.frame, handle, index, pose }, handle });
  }

  /** Onto the visible edge, wherever that is. @param {number} index @param {number} frame */
  fit(index, frame) {
    const handle = this.actions.store.chosen;
    this.actions.send("fit_template", () => ({ object: handle.id, index, frame }), { handle });
  }

  /** A key frame goes; with the last one the template. @param {number} index @param {number} frame */
  remove(index, frame) {
    const handle = this.actions.store.chosen;
    this.actions.send("remove_template", () => ({ object: handle.id, index, frame }), { handle });
  }
}
