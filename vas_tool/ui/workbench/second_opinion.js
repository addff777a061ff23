// @ts-check
// A second tracker for the chosen object: frames on which the two disagree need a look.
import { found, make } from "./elements.js";
/** @import { Actions } from "./actions.js" */
/** @import { Api } from "./api.js" */
/** @import { Store } from "./store.js" */

export class SecondOpinionPanel {
  /** @param {{root: HTMLElement, store: Store, actions: Actions}} parts */
  constructor({ root, store, actions }) {
    this.store = store;
    this.box = found(root, '[data-testid="second-opinion"]', HTMLDetailsElement);
    this.engine = found(root, '[data-testid="second-engine"]', HTMLSelectElement);
    this.button = found(root, '[data-testid="second-ask"]', HTMLButtonElement);
    /** @type {Api | null} */
    this.api = null;
    this.box.ontoggle = () => this.offer();
    this.button.onclick = () => {
      const handle = store.chosen;
      actions.send("second_opinion", () => ({ object: handle.id, engine: this.engine.value }));
    };
  }

  clear() {
    this.box.open = false;
  }

  /** List the trackers that are here, without the one that tracks now. */
  offer() {
    if (!this.box.open) return;
    const segment = this.store.state?.engines.find((engine) => engine.stage === "segment");
    const others = (segment?.choices ?? []).filter(({ name }) => name !== "auto" && name !== segment?.name);
    this.engine.replaceChildren(...others.map(({ name }) => make("option", { value: name, textContent: name })));
    this.button.disabled = !others.length;
    this.button.title = others.length ? "Track the chosen object with it, and mark the frames on which the two disagree" : "There is no other segment engine here: see Engines";
  }
}
