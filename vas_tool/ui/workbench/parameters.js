// @ts-check
// What can be set of the engines in use: a field each, with its default and the reason for it.
import { found, make, partOf } from "./elements.js";
import { STAGE_WORDS } from "./engines.js";
/** @import { EngineView, ParameterView, SettingValue, Stage } from "./types.d.ts" */
/** @import { Actions } from "./actions.js" */
/** @import { Store } from "./store.js" */

/** A value as a field shows it. @param {SettingValue} value */
const text = (value) => String(value);

export class ParameterPanel {
  /** @param {{root: HTMLElement, store: Store, actions: Actions}} parts */
  constructor({ root, store, actions }) {
    this.store = store;
    this.actions = actions;
    this.box = found(root, ".vas-parameters", HTMLElement);
    this.list = partOf(root, "parameters");
    this.sum = partOf(root, "parameter-sum");
    this.made = "";
  }

  render() {
    const engines = (this.store.state?.engines ?? []).filter(({ parameters }) => parameters.length);
    this.box.hidden = !engines.length;
    const now = JSON.stringify(engines.map(({ stage, name, parameters }) => [stage, name, parameters]));
    if (now === this.made || this.list.contains(document.activeElement)) return; // not under somebody's typing
    this.made = now;
    const changed = engines.flatMap(({ parameters }) => parameters).filter((one) => one.value !== one.default);
    this.sum.textContent = changed.length ? `${changed.length} changed` : "as they come";
    this.list.replaceChildren(...engines.flatMap((engine) => this.stageRows(engine)));
  }

  /** @param {EngineView} engine */
  stageRows({ stage, name, parameters }) {
    const head = make("dt", {}, STAGE_WORDS[stage], make("b", { textContent: name }));
    return [head, ...parameters.map((parameter) => this.row(stage, parameter))];
  }

  /** @param {Stage} stage @param {ParameterView} parameter */
  row(stage, parameter) {
    const { name, value, reason } = parameter;
    const isDefault = value === parameter.default;
    /** @param {string | null} wanted */
    const set = (wanted) => this.set(stage, { name, wanted });
    const field = this.field(stage, parameter, set);
    const label = make("label", { className: isDefault ? "" : "vas-changed" }, make("span", { textContent: name.replaceAll("_", " ") }), field);
    const row = make("dd", { className: "vas-parameter", data: { testid: `parameter-${stage}-${name}` } }, label);
    const why = make("p", { textContent: `${reason} Default ${text(parameter.default)}; takes ${parameter.allowed}.` });
    if (!isDefault) {
      const reset = make("button", { type: "button", className: "vas-text", textContent: `Back to ${text(parameter.default) || "none"}` });
      reset.onclick = () => set(null);
      row.append(reset);
    }
    row.append(why);
    return row;
  }

  /** @param {Stage} stage @param {ParameterView} parameter @param {(wanted: string) => void} set */
  field(stage, { name, value, choices, allowed }, set) {
    const isChoice = choices.length > 0;
    const field = isChoice
      ? make("select", {}, ...choices.map((one) => make("option", { value: text(one), textContent: text(one), selected: one === value })))
      : make("input", { type: "text", value: text(value), spellcheck: false, title: `Takes ${allowed}` });
    field.setAttribute("aria-label", `${name}, ${STAGE_WORDS[stage]}`);
    field.onchange = () => {
      field.blur(); // the keys belong to the picture again
      set(field.value);
    };
    if (!isChoice) {
      field.onkeydown = (/** @type {KeyboardEvent} */ event) => {
        if (event.key === "Escape") field.value = text(value);
        if (["Enter", "Escape"].includes(event.key)) field.blur();
      };
    }
    return field;
  }

  /** @param {Stage} stage @param {{name: string, wanted: string | null}} what */
  set(stage, { name, wanted }) {
    this.made = ""; // after a refused value the field must say again what holds
    this.actions.send("parameter", () => ({ stage, name, value: wanted }));
  }
}
