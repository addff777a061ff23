// @ts-check
// The side panel: objects, layers, work area, engines, notes on the clip.
import { BIT, LAYERS } from "./store.js";
import { cssOf } from "./colours.js";
import { LAYER_WORDS } from "./commands.js";
import { found, icon, make, partOf, targetOf } from "./elements.js";
import { EnginePanel } from "./engines.js";
import { wordOf } from "./keys.js";
import { ParameterPanel } from "./parameters.js";
import { ScenePanel } from "./scene.js";
/** @import { Command, Project, Thing } from "./types.d.ts" */
/** @import { Actions } from "./actions.js" */
/** @import { Store } from "./store.js" */

const DIGITS = 9; // rows with a key of their own

/** @param {Project} project */
const clipLine = ({ source, size_wh: size, frame_count: count, fps }) =>
  `${source}, ${size.join(" × ")}, ${count} frames at ${fps} a second`;

/** A row of the list. @typedef {ReturnType<SidePanel["numbersOf"]> & {chosen: boolean, digit: string, colour: string}} Row */

export class SidePanel {
  /** @param {{root: HTMLElement, store: Store, actions: Actions, commands: Record<string, Command>}} parts */
  constructor({ root, store, actions, commands }) {
    this.root = root;
    this.store = store;
    this.actions = actions;
    this.commands = commands;
    this.list = found(root, ".vas-objects", HTMLElement);
    /** @type {number | null} the object whose name is being typed */
    this.renaming = null;
    this.engines = new EnginePanel({ root, store, actions });
    this.parameters = new ParameterPanel({ root, store, actions });
    this.scene = new ScenePanel({ root, store, actions });
    /** @type {Record<string, string>} what each part was last made from: parts are rebuilt only when that changes */
    this.made = {};
    this.makeLayers();
    this.part("padding").addEventListener("click", (event) => {
      const fraction = targetOf(event)?.closest("button")?.dataset.fraction;
      if (fraction !== undefined) this.actions.setPadding(Number(fraction));
    });
  }

  /** @param {string} name */
  part(name) {
    return partOf(this.root, name);
  }

  render() {
    this.renderObjects();
    this.renderLayers();
    this.renderPadding();
    this.engines.render();
    this.parameters.render();
    this.scene.render();
    this.renderNotes();
  }

  /** @param {string} name @param {unknown} value */
  changed(name, value) {
    const text = JSON.stringify(value);
    if (this.made[name] === text) return false;
    this.made[name] = text;
    return true;
  }

  renderObjects() {
    const { store } = this;
    const objects = store.state?.objects ?? [];
    const rows = objects.map((object, index) => ({
      ...this.numbersOf(object), chosen: object.id === store.chosen.id, digit: index < DIGITS ? String(index + 1) : "", colour: cssOf(object.id),
    }));
    if (this.renaming !== null || !this.changed("objects", [Boolean(store.state), rows])) return; // an open name field is not torn away
    this.list.replaceChildren(...rows.map((row) => this.objectRow(row)));
    const none = store.state ? "None yet. Click one in the picture." : "";
    if (!rows.length) this.list.append(make("li", { className: "vas-none", textContent: none }));
    this.list.querySelector(".vas-chosen")?.scrollIntoView({ block: "nearest" });
  }

  /** @param {Thing} thing */
  numbersOf({ id, label }) {
    /** @param {number} mask */
    const count = (mask) => this.store.countBits(id, mask);
    return {
      id, label, modal: count(BIT.modal), amodal: count(BIT.amodal), accepted: count(BIT.accepted), look: count(BIT.look), stale: count(BIT.stale),
    };
  }

  /** @param {Row} row */
  objectRow(row) {
    const item = make("li", { className: row.chosen ? "vas-chosen" : "", data: { testid: `object-row-${row.id}` } });
    const chip = make("span", { className: "vas-chip", textContent: String(row.id) });
    chip.style.background = row.colour;
    const name = make("span", { className: "vas-name", textContent: row.label });
    const counts = make("small", { textContent: this.countsText(row) });
    const words = make("span", { className: "vas-words" }, name, counts);
    const choose = make("button", { type: "button", className: "vas-choose", title: this.chooseTitle(row) }, chip, words, make("kbd", { textContent: row.digit }));
    choose.setAttribute("aria-pressed", String(row.chosen));
    choose.onclick = () => this.actions.choose({ id: row.id });
    choose.ondblclick = () => this.rename(row, name);
    item.append(choose);
    if (row.chosen) item.append(this.rowTools(row, name));
    return item;
  }

  /** @param {Row} row */
  chooseTitle({ digit, label }) {
    return `${label}${digit && ` (${digit})`}. Double-click to rename.`;
  }

  /** @param {Row} row */
  countsText({ modal, amodal, accepted, look, stale }) {
    if (!modal && !amodal) return "no mask yet";
    const parts = [`${modal} modal`, `${amodal} amodal`];
    if (accepted) parts.push(`${accepted} accepted`);
    if (look) parts.push(`${look} to check`);
    if (stale) parts.push(`${stale} stale`);
    return parts.join(" · ");
  }

  /** @param {Row} row @param {HTMLElement} name */
  rowTools(row, name) {
    /** @type {(testid: string, title: string, picture: string, act: () => void) => HTMLButtonElement} */
    const button = (testid, title, picture, act) => {
      const node = make("button", { type: "button", title, data: { testid } }, icon(picture));
      node.setAttribute("aria-label", title);
      node.onclick = act;
      return node;
    };
    const acceptTitle = `Accept all frames of ${row.label}`;
    const acceptAll = button(`accept-all-${row.id}`, acceptTitle, "check", () => this.actions.acceptAll(row.id));
    acceptAll.disabled = !row.modal && !row.amodal;
    return make("span", { className: "vas-row-tools" },
      button(`rename-${row.id}`, `Rename ${row.label}`, "pen", () => this.rename(row, name)),
      acceptAll,
      button(`delete-${row.id}`, `Delete ${row.label} (Del)`, "trash", () => this.actions.deleteObject(row.id)));
  }

  /** @param {Row} row @param {HTMLElement} name */
  rename(row, name) {
    const field = make("input", { type: "text", value: row.label, maxLength: 80, className: "vas-rename" });
    field.setAttribute("aria-label", "Name of the object");
    this.renaming = row.id;
    /** @param {boolean} save */
    const close = (save) => {
      if (this.renaming === null) return; // removing the field blurs it a second time
      this.renaming = null;
      const label = field.value.trim();
      if (save && label && label !== row.label) this.actions.rename(row.id, label);
      this.made.objects = "";
      this.renderObjects();
    };
    field.onkeydown = (event) => {
      if (event.key === "Enter") close(true);
      else if (event.key === "Escape") close(false);
    };
    field.onblur = () => close(true);
    name.closest("button")?.replaceWith(field); // a field inside a button would press it with Space
    field.focus();
    field.select();
  }

  makeLayers() {
    const rows = LAYERS.map((name) => {
      const [word, title] = LAYER_WORDS[name];
      const box = make("input", { type: "checkbox", data: { testid: `layer-${name}` } });
      box.onchange = () => this.actions.setLayer(name, box.checked);
      const key = make("kbd", { textContent: wordOf(this.commands[`layer-${name}`]?.keys[0] ?? "") });
      const swatch = make("i", { className: `vas-swatch vas-swatch-${name}` });
      return make("label", { title: `${word}: ${title}` }, box, swatch, word, key);
    });
    this.part("layers").replaceChildren(...rows);
  }

  renderLayers() {
    for (const name of LAYERS) {
      const box = found(this.root, `[data-testid="layer-${name}"]`, HTMLInputElement);
      box.checked = this.store.layers[name];
      box.disabled = !this.store.state;
    }
    this.part("hidden-all").hidden = !this.store.hideAll;
  }

  renderPadding() {
    const { project } = this.store;
    const ratio = project ? project.canvas.left / project.size_wh[0] : -1;
    for (const button of this.part("padding").querySelectorAll("button")) {
      button.disabled = !project || this.store.jobRuns;
      // Padding is rounded to whole pixels, so the fraction comes back only nearly.
      button.setAttribute("aria-pressed", String(Math.abs(ratio - Number(button.dataset.fraction)) < 0.05));
    }
  }

  renderNotes() {
    const { project } = this.store;
    const notes = project ? [clipLine(project), project.path, ...project.notes] : [];
    if (!this.changed("notes", notes)) return;
    const box = this.part("notes").closest("details");
    if (!box) return;
    box.hidden = !notes.length;
    box.open = (project?.notes.length ?? 0) > 0;
    this.part("notes").replaceChildren(...notes.map((note) => make("li", { textContent: note })));
  }
}
