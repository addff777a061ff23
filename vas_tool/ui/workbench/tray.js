// @ts-check
// The hypothesis tray: several answers for the hidden part side by side, where they differ, and which one is to hold.
import { found, make, partOf } from "./elements.js";
import { plural } from "./hint.js";
/** @import { Args, Choice, CostAnswer, DrawnHypotheses, HypothesesAnswer, HypothesisTile, KnownHypotheses, Thing } from "./types.d.ts" */
/** @import { Actions } from "./actions.js" */
/** @import { Hypotheses } from "./hypotheses.js" */
/** @import { Store } from "./store.js" */

const COUNTS = [2, 3, 4, 5, 8];
/** @type {("majority" | "union")[]} */
const JOINT = ["majority", "union"];
const FIRST_COUNT = 3;
const ONE_ANSWER = "gives one answer, whatever the seed: there is nothing to choose between. Another amodal engine may give several (Engines).";

/** @type {(a: Choice | null, b: Choice) => boolean} */
const sameChoice = (a, b) => a !== null && a.how === b.how && JSON.stringify(a.seeds) === JSON.stringify(b.seeds);
/** @type {(part: number) => string} */
const percent = (part) => `${Math.round(100 * part)} %`;

export class Tray {
  /**
   * @param {object} parts
   * @param {HTMLElement} parts.root
   * @param {Store} parts.store
   * @param {Actions} parts.actions
   * @param {Hypotheses} parts.hypotheses
   * @param {(canvas: HTMLCanvasElement, drawn: DrawnHypotheses, tile: HypothesisTile | null) => void} parts.paint
   */
  constructor({ root, store, actions, hypotheses, paint }) {
    this.root = root;
    this.store = store;
    this.actions = actions;
    this.hypotheses = hypotheses;
    this.paint = paint;
    this.box = found(root, ".vas-tray", HTMLElement);
    this.counts = found(root, '[data-part="tray-count"]', HTMLSelectElement);
    this.scope = found(root, '[data-part="tray-scope"]', HTMLSelectElement);
    this.button = found(root, '[data-part="tray-make"]', HTMLButtonElement);
    this.open = false;
    this.cost = "";
    this.costKey = "";
    this.made = "";
    /** @type {KnownHypotheses | null} what the tiles show */
    this.drawn = null;
    this.counts.append(...COUNTS.map((count) => make("option", { value: String(count), textContent: `${count} seeds`, selected: count === FIRST_COUNT })));
    this.counts.onchange = () => this.askCost();
    this.button.onclick = () => this.send("hypotheses", { count: this.count });
    this.scope.onchange = () => this.scopeChosen();
    this.ends = { first: 0, last: 0 };
    this.wireEnd("first");
    this.wireEnd("last");
  }

  /** @param {string} name */
  part(name) {
    return partOf(this.root, `tray-${name}`);
  }

  /** @param {"first" | "last"} end */
  field(end) {
    return found(this.root, `[data-part="tray-${end}"]`, HTMLInputElement);
  }

  /** A span begins as the frame that is looked at. */
  scopeChosen() {
    const { frame } = this.store;
    this.ends = { first: frame, last: frame };
    this.field("first").value = this.field("last").value = String(frame);
    this.scope.blur(); // the keys belong to the picture again
    this.render();
  }

  /**
   * What is no frame of the clip is not taken: the field shows again what holds.
   * @param {"first" | "last"} end
   */
  wireEnd(end) {
    const field = this.field(end);
    field.oninput = () => {
      const typed = Number(field.value);
      const isFrame = field.value.trim() && Number.isInteger(typed) && typed >= 0 && typed < this.store.frameCount;
      field.setAttribute("aria-invalid", String(!isFrame));
      if (isFrame) this.ends = { ...this.ends, [end]: typed };
      this.render();
    };
    field.onblur = () => {
      field.value = String(this.ends[end]);
      field.removeAttribute("aria-invalid");
    };
    field.onkeydown = (event) => ["Enter", "Escape"].includes(event.key) && field.blur();
  }

  get count() {
    return this.seeded ? Number(this.counts.value) : 1;
  }

  get amodalEngine() {
    return this.store.engineOf("amodal");
  }

  get seeded() {
    return this.amodalEngine?.seeded ?? false;
  }

  /** Start a job for the chosen object. @param {string} action @param {Args} what */
  send(action, what) {
    const { id } = this.store.chosen;
    const { activeElement } = document;
    if (activeElement instanceof HTMLElement && this.box.contains(activeElement)) activeElement.blur(); // the keys belong to the picture again
    this.actions.send(action, () => ({ object: id, ...what }), { pending: { kind: "job", frame: -1, handle: { id } } });
  }

  toggle() {
    this.open = !this.open;
    this.render();
  }

  /** The frames a choice is for: [first, last]. */
  get span() {
    const { frame, frameCount } = this.store;
    /** @type {Record<string, [number, number]>} */
    const spans = { all: [0, frameCount - 1], frame: [frame, frame], on: [frame, frameCount - 1] };
    const [a, b] = spans[this.scope.value] ?? [this.ends.first, this.ends.last];
    return [Math.min(a, b), Math.min(Math.max(a, b), frameCount - 1)];
  }

  render() {
    const { store } = this;
    const object = store.chosenObject;
    this.box.hidden = !this.open || !store.state;
    if (this.box.hidden) return;
    const here = object ? this.hypotheses.here() : null;
    this.part("span").hidden = this.scope.value !== "span";
    this.part("title").textContent = this.titleOf(object, here);
    this.part("note").textContent = this.noteOf(object);
    this.counts.hidden = !this.seeded;
    this.button.textContent = this.seeded ? "Make" : "Make the one answer";
    this.button.disabled = !object || store.jobRuns;
    this.askCost();
    this.part("cost").textContent = store.jobRuns ? "" : this.cost;
    this.renderTiles(here);
  }

  /** @param {Thing | null} object @param {KnownHypotheses | null} here */
  titleOf(object, here) {
    if (!object) return "Hypotheses: choose an object";
    if (!here) return `Hypotheses of ${object.label}: ${object.differ ? "none on this frame" : "none yet"}`;
    const number = here.answer.hypotheses.length;
    const differ = number > 1 ? `, differ by ${percent(here.answer.disagreement ?? 0)} here` : "";
    return `Hypotheses of ${object.label}: ${number}${differ}`;
  }

  /** @param {Thing | null} object */
  noteOf(object) {
    if (object && !this.seeded) return `${this.amodalEngine?.name ?? "The amodal engine"} ${ONE_ANSWER}`;
    if (object && !object.differ) return "The hidden part has more than one right answer: make several, then choose one.";
    return "";
  }

  /** @param {KnownHypotheses | null} here */
  renderTiles(here) {
    const now = JSON.stringify([this.span, here?.answer.object, here?.answer.frame, here?.answer.hypotheses.length, here?.answer.picked, this.store.jobRuns, this.store.version]);
    if (now === this.made && here === this.drawn) return;
    this.made = now;
    this.drawn = here;
    const { answer, drawn } = here ?? { answer: null, drawn: null };
    const several = (answer?.hypotheses.length ?? 0) > 1;
    const seeds = answer?.hypotheses.map(({ seed }) => seed) ?? [];
    /** @type {HTMLElement[]} */
    const tiles = drawn && answer ? drawn.tiles.map((tile) => this.tile(drawn, tile, answer)) : [];
    if (several && drawn) tiles.push(this.heatTile(drawn));
    this.part("tiles").replaceChildren(...tiles);
    this.part("joint").hidden = !several;
    this.part("joint").replaceChildren(...(several && answer ? JOINT.map((how) => this.jointButton(how, { seeds, answer })) : []));
  }

  /** @param {DrawnHypotheses} drawn @param {HypothesisTile} tile @param {HypothesesAnswer} answer */
  tile(drawn, tile, { picked, hypotheses }) {
    /** @type {Choice} */
    const choice = { how: "seed", seeds: [tile.seed] };
    const canvas = make("canvas", { width: 1, height: 1 });
    const engine = hypotheses.find(({ seed }) => seed === tile.seed)?.engine ?? "";
    const maker = hypotheses.every((other) => other.engine === engine) ? "" : `, ${engine}`;
    const words = `seed ${tile.seed}${maker}${tile.holds ? "" : ", outdated"}`;
    const button = make("button", { type: "button", className: "vas-tile", data: { testid: `hypothesis-${tile.seed}` } }, canvas, make("span", { textContent: words }));
    this.asChoice(button, { choice, picked, title: `Take the answer of ${words} for ${this.spanWords()}` });
    button.disabled ||= hypotheses.length < 2;
    this.paint(canvas, drawn, tile);
    return button;
  }

  /** @param {DrawnHypotheses} drawn */
  heatTile(drawn) {
    const canvas = make("canvas", { width: 1, height: 1 });
    const title = "Where they differ: from yellow to red the more, red where half say otherwise. Layer Y shows it in the picture.";
    const node = make("div", { className: "vas-tile", title, data: { testid: "hypothesis-heat" } }, canvas, make("span", { textContent: "where they differ" }));
    this.paint(canvas, drawn, null);
    return node;
  }

  /** @param {"majority" | "union"} how @param {{seeds: number[], answer: HypothesesAnswer}} what */
  jointButton(how, { seeds, answer }) {
    const words = how === "majority" ? "what more than half of them have" : "what any of them has";
    const button = make("button", { type: "button", className: "vas-text", textContent: how === "majority" ? "Majority" : "Union", data: { testid: `hypothesis-${how}` } });
    this.asChoice(button, { choice: { how, seeds }, picked: answer.picked, title: `Take ${words}, for ${this.spanWords()}` });
    return button;
  }

  /** @param {HTMLButtonElement} button @param {{choice: Choice, picked: Choice | null, title: string}} what */
  asChoice(button, { choice, picked, title }) {
    button.title = title;
    button.setAttribute("aria-pressed", String(sameChoice(picked, choice)));
    button.disabled = this.store.jobRuns;
    button.onclick = () => {
      const [first, last] = this.span;
      this.send("pick", { ...choice, first, last });
    };
  }

  spanWords() {
    const [first, last] = this.span;
    return first === last ? `frame ${first}` : `${plural(last - first + 1, "frame")}, ${first} to ${last}`;
  }

  /** What making them would cost; asked once for each state of things. */
  async askCost() {
    const { store, hypotheses } = this;
    const { id } = store.chosen;
    const key = `${id}/${this.count}/${store.version}`;
    const { api } = hypotheses;
    if (!api || api.isLost || !store.chosenObject || store.jobRuns || store.waiting || key === this.costKey) return;
    this.costKey = key;
    try {
      /** @type {CostAnswer} */
      const { words } = await api.getJson(`cost?object_id=${id}&count=${this.count}`);
      if (key === this.costKey) this.cost = words ? `to make: ${words}` : "all made";
    } catch {
      this.cost = "";
    }
    this.part("cost").textContent = this.cost;
  }
}
