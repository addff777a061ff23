// @ts-check
// Composing a clip whose hidden part is known: the chosen object behind an object of another project.
import { found, make, partOf } from "./elements.js";
import { PolledPanel } from "./polled_panel.js";
/** @import { ComposedClip, CompositionsAnswer } from "./types.d.ts" */
/** @import { Actions } from "./actions.js" */
/** @import { Store } from "./store.js" */

const LOOK_MS = 1500; // between two looks at a clip that is being composed, while the panel is open

/** @extends {PolledPanel<CompositionsAnswer>} */
export class ComposingPanel extends PolledPanel {
  /** @param {{root: HTMLElement, store: Store, actions: Actions}} parts */
  constructor({ root, store, actions }) {
    super({ box: found(root, '[data-testid="compose"]', HTMLDetailsElement), content: partOf(root, "composed"), route: "compositions", everyMs: LOOK_MS });
    this.front = found(root, '[data-testid="compose-front"]', HTMLSelectElement);
    this.button = found(root, '[data-testid="compose-start"]', HTMLButtonElement);
    /** @type {(name: string) => HTMLInputElement} */
    const field = (name) => found(root, `[data-testid="compose-${name}"]`, HTMLInputElement);
    const [own, x, y, delay, softness, whole] = ["object", "x", "y", "delay", "soft", "whole"].map(field);
    const given = () => ({
      object: store.chosen.id ?? 0, front: this.front.value, front_object: numberOf(own), x: numberOf(x), y: numberOf(y),
      delay: numberOf(delay), softness: numberOf(softness), whole: whole?.checked ?? false,
    });
    this.button.onclick = () => actions.send("compose", given, { then: () => this.ask() });
  }

  /** @override */
  clear() {
    super.clear();
    this.front.replaceChildren();
  }

  /** @override @param {CompositionsAnswer} answer */
  fill(answer) {
    this.button.disabled = Boolean(answer.composing);
    this.offer(answer.fronts);
    this.content.replaceChildren(...this.contentOf(answer));
  }

  /** @param {string[]} fronts */
  offer(fronts) {
    const before = this.front.value;
    if (fronts.join("/") === [...this.front.options].map(({ value }) => value).join("/")) return;
    this.front.replaceChildren(...fronts.map((name) => make("option", { value: name, textContent: name })));
    if (fronts.includes(before)) this.front.value = before;
  }

  /** @param {CompositionsAnswer} answer @returns {Node[]} */
  contentOf({ composing, error, made }) {
    if (composing) {
      const bar = make("progress", { max: composing[1] || 1, value: composing[0] });
      bar.setAttribute("aria-label", "composing");
      return [make("p", { className: "vas-getting" }, bar, make("span", { textContent: "composing" }))];
    }
    if (error) return [make("p", { className: "vas-offer-error", textContent: error, data: { testid: "compose-error" } })];
    return made ? this.made(made) : [];
  }

  /** @param {ComposedClip} clip @returns {Node[]} */
  made({ name, command, frames, hidden, nowhere }) {
    const words = nowhere ? "What is in front is nowhere in the picture: change the shift." : `${(100 * hidden).toFixed(1)} % of the object is hidden.`;
    return [
      make("p", { textContent: `${name}: ${frames} frames. ${words}`, data: { testid: "compose-made" } }),
      make("p", {}, "Measure with: ", make("code", { textContent: command })),
    ];
  }
}

/** The number in a field; an empty one is 0. @param {HTMLInputElement | undefined} field */
function numberOf(field) {
  return Number(field?.value ?? 0) || 0;
}
