// @ts-check
// Which engine makes each stage: what runs, what there is to choose from, what it costs, and what others have made.
import { found, make, partOf } from "./elements.js";
import { plural } from "./hint.js";
import { Offers } from "./offers.js";
/** @import { EngineView, Stage } from "./types.d.ts" */
/** @import { Actions } from "./actions.js" */
/** @import { Store } from "./store.js" */

/** @type {Record<Stage, string>} */
export const STAGE_WORDS = { segment: "Modal masks", depth: "Depth", amodal: "Amodal masks", content: "Content" };
const FROM_NOW_ON = "auto takes the best engine that is present. A change counts for what is made from now on; what is made stays as it is.";

const GATE_WORDS = "On frames where nothing nearer touches the object, no other object is beside it and it meets no edge that the work area goes beyond, the modal mask is the amodal mask. It needs measured depth: the builtin depth is a guess and decides nothing.";

/**
 * "12 frames of car were made by builtin, 3 by sam2.1-tiny-fast."
 * @param {string} label
 * @param {Record<string, number>} counts
 */
function madeBy(label, counts) {
  const [[engine, number], ...more] = Object.entries(counts);
  const first = `${plural(number, "frame")} of ${label} ${number === 1 ? "was" : "were"} made by ${engine}`;
  return `${[first, ...more.map(([name, count]) => `${count} by ${name}`)].join(", ")}.`;
}

export class EnginePanel {
  /** @param {{root: HTMLElement, store: Store, actions: Actions}} parts */
  constructor({ root, store, actions }) {
    this.store = store;
    this.actions = actions;
    this.sum = partOf(root, "engine-sum");
    this.better = partOf(root, "engine-better");
    this.list = partOf(root, "engines");
    const box = found(root, ".vas-engines", HTMLDetailsElement);
    box.addEventListener("toggle", () => box.open && box.scrollIntoView({ block: "start" })); // what opened is seen
    this.offers = new Offers(actions, () => this.render());
    /** @type {Map<Stage, HTMLElement>} where it says what other engines made */
    this.again = new Map();
    this.made = "";
  }

  render() {
    const engines = this.store.state?.engines ?? [];
    const text = JSON.stringify([engines, [...this.offers.chosen], this.store.project?.gate]);
    if (text !== this.made) this.renderRows(engines); // else an open list of choices would close
    this.made = text;
    for (const { stage, name } of engines) this.renderAgain(stage, name);
    if (!this.store.waiting) this.showChosen(engines);
  }

  /** After a choice that the server refused. @param {EngineView[]} engines */
  showChosen(engines) {
    for (const { stage, chosen } of engines) found(this.list, `[data-testid="engine-${stage}"]`, HTMLSelectElement).value = chosen;
  }

  /** @param {EngineView[]} engines */
  renderRows(engines) {
    this.sum.textContent = this.sum.title = [...new Set(engines.map(({ name }) => name))].join(", ");
    this.better.hidden = !engines.some(({ offers }) => offers.length);
    this.list.replaceChildren(...engines.flatMap((engine) => this.row(engine)));
    if (engines.length) this.list.append(make("dd", { textContent: FROM_NOW_ON }));
  }

  /** @param {EngineView} engine */
  row(engine) {
    const { stage, chosen, choices, offers } = engine;
    const { note, cost, licence, size, lacks } = choices.find(({ name }) => name === chosen) ?? choices[0];
    const again = make("div", { data: { testid: `engine-again-${stage}` }, hidden: true });
    this.again.set(stage, again);
    const body = make("dd", {}, make("p", { textContent: note }));
    if (cost) body.append(make("p", { textContent: cost, data: { testid: `engine-cost-${stage}` } }));
    body.append(make("p", { textContent: `Licence ${licence}, ${size}.` }));
    if (lacks) body.append(make("p", { className: "vas-better" }, "Not complete: ", make("code", { textContent: lacks })));
    if (offers.length) body.append(this.offers.box(stage, offers));
    if (stage === "amodal") body.append(this.gate());
    body.append(again);
    return [make("dt", {}, STAGE_WORDS[stage], this.chooser(engine)), body];
  }

  /** The switch of the occlusion gate. */
  gate() {
    const box = make("input", { type: "checkbox", checked: this.store.project?.gate ?? false, data: { testid: "gate" } });
    box.onchange = () => this.actions.gate(box.checked);
    return make("label", { className: "vas-gate", title: GATE_WORDS }, box, "no run where nothing is in front");
  }

  /** @param {EngineView} engine */
  chooser({ stage, chosen, choices }) {
    const options = choices.map(({ name, engine }) => {
      const words = name === "auto" ? `auto: ${engine}` : name;
      return make("option", { value: name, textContent: words, selected: name === chosen });
    });
    const select = make("select", { data: { testid: `engine-${stage}` } }, ...options);
    select.setAttribute("aria-label", `Engine for: ${STAGE_WORDS[stage]}`);
    select.title = FROM_NOW_ON;
    select.onchange = () => {
      this.actions.chooseEngine(stage, select.value);
      select.blur(); // the keys belong to the picture again
    };
    return select;
  }

  /**
   * What other engines made of the chosen object, and a button that makes it again.
   * @param {Stage} stage
   * @param {string} engine
   */
  renderAgain(stage, engine) {
    const { store } = this;
    const box = this.again.get(stage);
    const object = store.chosenObject;
    const counts = object?.others[stage];
    if (!box) return undefined;
    box.hidden = !counts;
    if (!object || !counts) return box.replaceChildren();
    const text = madeBy(object.label, counts);
    const title = `Accepted frames stay. Takes the place of what other engines made; Ctrl+Z brings that back.`;
    const button = make("button", { type: "button", className: "vas-text", textContent: `Make again with ${engine}`, title });
    button.dataset.testid = `make-again-${stage}`;
    button.disabled = store.jobRuns;
    button.onclick = () => this.actions.makeAgain(object.id, stage);
    return box.replaceChildren(make("p", { textContent: text }), button);
  }
}
