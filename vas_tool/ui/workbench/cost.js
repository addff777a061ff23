// @ts-check
// What completing the chosen object would cost, told before anybody starts it.

import { found } from "./elements.js";
/** @import { CostAnswer } from "./types.d.ts" */
/** @import { Api } from "./api.js" */
/** @import { Store } from "./store.js" */

const AFTER_MS = 500; // a person who clicks on does not ask yet

export class CostLine {
  /** @param {{root: HTMLElement, store: Store}} parts */
  constructor({ root, store }) {
    this.store = store;
    this.line = found(root, '[data-testid="cost"]', HTMLElement);
    /** @type {Api | null} */
    this.api = null;
    this.timer = 0;
    this.costKey = "";
    this.words = "";
  }

  clear() {
    clearTimeout(this.timer);
    this.costKey = this.words = "";
  }

  render() {
    const { store } = this;
    const { id } = store.chosen;
    const key = `${id}/${store.version}`;
    const idle = Boolean(this.api && store.chosenObject && !store.jobRuns);
    if (store.jobRuns) this.clear(); // what was to be made is made when it ends
    if (idle && id !== null && key !== this.costKey) {
      this.costKey = key;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(id, key), AFTER_MS);
    }
    const shown = idle && this.words ? `A would make ${this.words}` : "";
    if (this.line.textContent !== shown) this.line.textContent = shown;
  }

  /** @param {number} id @param {string} key */
  async ask(id, key) {
    const { store } = this;
    // A waiting action may delete the object or start this work: then the cost is requested again afterwards.
    if (store.waiting || !store.object(id) || !this.api || this.api.isLost) return void (this.costKey = "");
    try {
      /** @type {CostAnswer} */
      const { words } = await this.api.getJson(`cost?object_id=${id}`);
      if (key !== this.costKey) return;
      this.words = words;
    } catch {
      this.words = ""; // the connection line says so
    }
    this.render();
  }
}
