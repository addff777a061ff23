// @ts-check
// A folded panel beside the picture that asks the server for its content while it is open.
/** @import { Api } from "./api.js" */

/** @template Answer */
export class PolledPanel {
  /**
   * @param {object} parts
   * @param {HTMLDetailsElement} parts.box
   * @param {HTMLElement} parts.content  what the answer fills
   * @param {string} parts.route  what is asked for
   * @param {number} parts.everyMs  between two questions
   */
  constructor({ box, content, route, everyMs }) {
    this.box = box;
    this.content = content;
    this.route = route;
    this.everyMs = everyMs;
    /** @type {Api | null} */
    this.api = null;
    this.shown = "";
    this.timer = 0;
    this.box.ontoggle = () => this.ask();
  }

  /** Another project: nothing of the last one stays. */
  clear() {
    clearTimeout(this.timer);
    this.shown = "";
    this.content.replaceChildren();
  }

  async ask() {
    clearTimeout(this.timer);
    if (!this.box.open || !this.api) return;
    try {
      /** @type {Answer} */
      const answer = await this.api.getJson(this.route);
      this.show(answer);
    } catch {
      // the connection line says so
    }
    this.timer = setTimeout(() => this.ask(), this.everyMs);
  }

  /** @param {Answer} answer */
  show(answer) {
    const text = JSON.stringify(answer);
    if (text === this.shown) return; // what is being pressed or chosen is not torn away
    this.shown = text;
    this.fill(answer);
  }

  /** @param {Answer} _answer  another one than before */
  fill(_answer) {
    throw new Error("a panel fills itself");
  }
}
