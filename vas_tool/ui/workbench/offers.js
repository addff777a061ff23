// @ts-check
// Better engines than the one that runs: what they are, and the button or the command that gets them.
import { make } from "./elements.js";
/** @import { Offer, OfferedWeights, Stage } from "./types.d.ts" */
/** @import { Actions } from "./actions.js" */

export class Offers {
  /** @param {Actions} actions @param {() => void} onChoice */
  constructor(actions, onChoice) {
    this.actions = actions;
    this.onChoice = onChoice;
    /** @type {Map<Stage, string>} the offered engine that the person looks at */
    this.chosen = new Map();
  }

  /**
   * The offer of a stage's row: the best engine, or the one that was chosen of several.
   * @param {Stage} stage
   * @param {Offer[]} offers
   */
  box(stage, offers) {
    const { engine, note, cost, get, weights } = offers.find((offer) => offer.engine === this.chosen.get(stage)) ?? offers[0];
    const box = make("div", { className: "vas-offer", data: { testid: `offer-${stage}` } });
    const head = offers.length > 1 ? this.chooser(stage, offers, engine) : make("b", { textContent: engine });
    box.append(make("p", {}, "Better: ", head), make("p", { textContent: `${note} ${cost}` }));
    if (!weights) box.append(make("p", {}, "Get it with ", make("code", { textContent: get }), ", then start the tool again."));
    else if (weights.runs) box.append(this.progress(stage, weights));
    else box.append(...this.button(stage, weights));
    return box;
  }

  /** @param {Stage} stage @param {Offer[]} offers @param {string} engine */
  chooser(stage, offers, engine) {
    const options = offers.map((offer) => make("option", { value: offer.engine, textContent: offer.engine, selected: offer.engine === engine }));
    const select = make("select", { data: { testid: `offers-${stage}` } }, ...options);
    select.setAttribute("aria-label", "Better engines");
    select.onchange = () => {
      this.chosen.set(stage, select.value);
      select.blur(); // the keys belong to the picture again
      this.onChoice();
    };
    return select;
  }

  /** @param {Stage} stage @param {OfferedWeights} weights */
  button(stage, { name, megabytes, licence, done, error }) {
    const verb = done && !error ? "Go on with" : "Get";
    const text = `${verb} ${name}, ${megabytes} MB, ${licence}`;
    const button = make("button", { type: "button", className: "vas-text", textContent: text, data: { testid: `get-${stage}` } });
    button.onclick = () => this.actions.send("get_weights", () => ({ name }));
    const words = error ? [make("p", { className: "vas-offer-error", textContent: error })] : [];
    return [...words, button];
  }

  /** @param {Stage} stage @param {OfferedWeights} weights */
  progress(stage, { name, done, total, what }) {
    const share = total ? `${done} of ${total}` : "asking";
    const bar = make("progress", { max: 1, data: { testid: `getting-${stage}` } });
    if (total) bar.value = done / total;
    bar.setAttribute("aria-label", what);
    const stop = make("button", { type: "button", className: "vas-text", textContent: "Cancel", title: "What has arrived is kept.", data: { testid: `stop-${stage}` } });
    stop.onclick = () => this.actions.send("stop_weights", () => ({ name }));
    return make("p", { className: "vas-getting" }, bar, make("span", { textContent: `${share} MB` }), stop);
  }
}
