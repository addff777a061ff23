// @ts-check
// What a person says where an object comes back.
/** @import { Actions } from "./actions.js" */
/** @import { DoneAnswer } from "./types.d.ts" */

export class IdentityActions {
  /** @param {Actions} actions */
  constructor(actions) {
    this.actions = actions;
  }

  /** It is the same object. */
  same() {
    const { frame, chosen } = this.actions.store;
    this.actions.send("same", () => ({ object: chosen.id, frame }), { handle: chosen });
  }

  /** It is another one: this frame and all later ones become an object of their own. */
  split() {
    const { frame, chosen } = this.actions.store;
    /** @param {DoneAnswer} answer */
    const then = ({ object }) => {
      this.actions.choose({ id: object ?? chosen.id });
      this.actions.say(`Object ${object} begins here. Ctrl+Z puts the two together again.`, { calm: true });
    };
    this.actions.send("split", () => ({ object: chosen.id, frame }), { then });
  }
}
