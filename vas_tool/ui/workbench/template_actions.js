// @ts-check
// What a person does with templates.
/** @import { DoneAnswer, Handle, Pose, TemplateOn } from "./types.d.ts" */
/** @import { Actions } from "./actions.js" */

/** Part of the visible edge on the outline below which a fit is probably wrong: measured on the sample. */
const LOOSE = 0.3;

/** Which template is meant: the server refuses when another one has its place meanwhile. @param {TemplateOn} on */
const named = ({ index, template: { key } }) => ({ index, key });

export class TemplateActions {
  /** @param {Actions} actions */
  constructor(actions) {
    this.actions = actions;
  }

  /** The chosen object's outline on a frame becomes a template. @param {number} frame @param {boolean} hides  whether a part is hidden there */
  take(frame, hides) {
    const { store, say } = this.actions;
    const handle = store.chosen;
    const text = hides
      ? `Outline taken from frame ${frame}, though a part is hidden there. That of a frame where it is whole fits better.`
      : `Outline taken from frame ${frame}. Go to a frame where a part is hidden and drag it into place, or press the full stop key to fit it.`;
    const then = () => say(text, { calm: true, passes: true });
    this.actions.send("take_template", () => ({ object: handle.id, frame }), { handle, then });
  }

  /**
   * A key frame. `reach`: how near the visible edge must be for the outline to be moved onto it, in clip pixels.
   * @param {Handle} handle  the object
   * @param {TemplateOn} on
   * @param {{pose: Pose, reach: number}} how
   */
  place(handle, on, { pose, reach }) {
    const pending = /** @type {const} */ ({ kind: "template", frame: pose.frame, handle, index: on.index, pose });
    this.actions.send("template", () => ({ object: handle.id, ...named(on), ...pose, reach }), { pending, handle });
  }

  /** Onto the visible edge, wherever that is. @param {TemplateOn} on @param {number} frame */
  fit(on, frame) {
    const { store, say } = this.actions;
    const handle = store.chosen;
    /** @param {DoneAnswer & {share?: number}} answer */
    const then = ({ share = 1 }) => {
      const part = Math.round(100 * share);
      if (share < LOOSE) say(`Look at it: only ${part} % of the visible edge lies on the outline. Move it, or take an outline nearer to this frame.`, { calm: true, passes: true });
    };
    this.actions.send("fit_template", () => ({ object: handle.id, ...named(on), frame }), { handle, then });
  }

  /** A key frame goes; with the last one the template. @param {TemplateOn} on @param {number} frame */
  remove(on, frame) {
    const handle = this.actions.store.chosen;
    this.actions.send("remove_template", () => ({ object: handle.id, ...named(on), frame }), { handle });
  }
}
