// @ts-check
// Objects found by words: the search, and what was found side by side, to keep or drop.
import { found, make, partOf } from "./elements.js";
import { PolledPanel } from "./polled_panel.js";
/** @import { FindAnswer, FoundView } from "./types.d.ts" */
/** @import { Actions } from "./actions.js" */
/** @import { Store } from "./store.js" */

const ASK_MS = 700; // between two looks at a search, while the panel is open

/** @extends {PolledPanel<FindAnswer>} */
export class FindPanel extends PolledPanel {
  /** @param {{root: HTMLElement, store: Store, actions: Actions}} parts */
  constructor({ root, store, actions }) {
    super({ box: found(root, '[data-testid="find"]', HTMLDetailsElement), content: partOf(root, "found"), route: "find", everyMs: ASK_MS });
    this.actions = actions;
    this.words = found(root, '[data-testid="find-words"]', HTMLInputElement);
    this.where = found(root, '[data-testid="find-where"]', HTMLSelectElement);
    this.start = found(root, '[data-testid="find-start"]', HTMLButtonElement);
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

  /** @override @param {FindAnswer} answer */
  fill(answer) {
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
