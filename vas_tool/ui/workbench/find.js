// @ts-check
// Objects found by words: the search, and what was found side by side, to keep or drop.
import { found, make, partOf } from "./elements.js";
/** @import { FindAnswer, FoundView } from "./types.d.ts" */
/** @import { Actions } from "./actions.js" */
/** @import { Api } from "./api.js" */
/** @import { Store } from "./store.js" */

const ASK_MS = 700; // between two looks at a search, while the panel is open

export class FindPanel {
  /** @param {{root: HTMLElement, store: Store, actions: Actions}} parts */
  constructor({ root, store, actions }) {
    this.actions = actions;
    this.box = found(root, '[data-testid="find"]', HTMLDetailsElement);
    this.words = found(root, '[data-testid="find-words"]', HTMLInputElement);
    this.where = found(root, '[data-testid="find-where"]', HTMLSelectElement);
    this.start = found(root, '[data-testid="find-start"]', HTMLButtonElement);
    this.content = partOf(root, "found");
    /** @type {Api | null} */
    this.api = null;
    this.shown = "";
    this.timer = 0;
    this.box.ontoggle = () => this.ask();
    const search = () => {
      const { frame } = store; // the frame on the screen now, not when the request is sent
      const only = this.where.value === "frame" ? frame : null;
      this.actions.send("find", () => ({ text: this.words.value, only }), { then: () => this.ask() });
    };
    this.start.onclick = search;
    this.words.onkeydown = (event) => {
      event.stopPropagation(); // the keys of the workbench are letters
      if (event.key === "Enter") search();
    };
  }

  clear() {
    clearTimeout(this.timer);
    this.shown = "";
    this.content.replaceChildren();
  }

  async ask() {
    clearTimeout(this.timer);
    if (!this.box.open || !this.api) return;
    try {
      /** @type {FindAnswer} */
      const answer = await this.api.getJson("find");
      this.show(answer);
    } catch {
      // the connection line says so
    }
    this.timer = setTimeout(() => this.ask(), ASK_MS);
  }

  /** @param {FindAnswer} answer */
  show(answer) {
    const text = JSON.stringify(answer);
    if (text === this.shown) return; // a tile that is being pressed is not torn away
    this.shown = text;
    this.start.disabled = !answer.engine;
    if (!answer.engine) return this.content.replaceChildren(make("p", { className: "vas-soft", textContent: answer.why, data: { testid: "find-why" } }));
    if (!answer.words.length) return this.content.replaceChildren();
    if (!answer.found.length) return this.content.replaceChildren(make("p", { textContent: `${answer.engine} finds no ${answer.words.join(" and no ")}.`, data: { testid: "find-none" } }));
    this.decide(answer.found);
  }

  /** @param {FoundView[]} all */
  decide(all) {
    const boxes = all.map(({ number }) => make("input", { type: "checkbox", checked: true, data: { testid: `found-${number}` } }));
    const keep = make("button", { type: "button", className: "vas-text", data: { testid: "found-keep" } });
    const kept = () => all.filter((_, i) => boxes[i]?.checked).map(({ number }) => number);
    const count = () => { keep.textContent = kept().length ? `Keep ${kept().length} of ${all.length}` : "Drop all"; };
    keep.onclick = () => this.actions.send("keep_found", () => ({ numbers: kept() }), { then: () => this.ask() });
    for (const box of boxes) box.onchange = count;
    count();
    const tiles = all.map((one, i) => {
      const picture = make("img", { src: `${this.api?.root}/find/${one.number}.jpg`, alt: `${one.label}, frame ${one.best}` });
      const words = `${one.label} ${(100 * one.score).toFixed(0)} %, ${one.frames} ${one.frames === 1 ? "frame" : "frames"}`;
      return make("label", { className: "vas-found-tile", title: `seen best on frame ${one.best}` }, picture, make("span", {}, boxes[i] ?? "", words));
    });
    this.content.replaceChildren(make("div", { className: "vas-found", data: { testid: "found" } }, ...tiles), keep);
  }
}
