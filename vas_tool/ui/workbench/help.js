// @ts-check
// The page of keys and signs behind "?".
import { make } from "./elements.js";
import { wordOf } from "./keys.js";
/** @import { Command } from "./types.d.ts" */

/** @type {[string, string[]][]} */
const GROUPS = [
  ["Move", ["previous", "next", "second-back", "second-on", "previous-change", "next-change", "middle", "first", "last", "play"]],
  ["View", ["zoom-in", "zoom-out", "zoom-fit", "filmstrip", "help"]],
  ["Work", ["track-forward", "track-backward", "track-both", "complete", "complete-all", "hypotheses", "cancel", "undo", "redo"]],
  ["Review", ["next-look", "next-project", "accept", "mark", "accept-rest", "unaccept", "same-yes", "same-no", "next-object", "previous-object", "new-object", "delete"]],
  ["Tools", ["tool-point", "tool-brush", "tool-eraser", "tool-amodal", "box-end", "crop-large", "tool-template", "template-take", "template-fit", "template-remove", "tool-order", "tool-hand", "paint-layer", "brush-smaller", "brush-larger"]],
  ["See", ["layer-modal", "layer-hidden", "layer-open", "layer-content", "layer-depth", "layer-differ", "layer-onion", "layer-others", "layer-scene", "hide-all"]],
];

/** @type {[string, string][]} */
const MOUSE = [
  ["Left click", "adds to the object"],
  ["Right click, Shift+click", "does not belong to it"],
  ["Drag", "a box around what is seen"],
  ["Click on a dot", "removes it"],
  ["Right or Shift with brush", "paints the other way"],
  ["Wheel", "zooms at the pointer"],
  ["Middle drag", "moves the view"],
];

/** @param {string[]} keys @param {string} text */
function row(keys, text) {
  const cell = make("span", {}, ...keys.map((key) => make("kbd", { textContent: key })));
  return make("div", { className: "vas-key" }, cell, make("span", { textContent: text }));
}

/** @param {string} title @param {HTMLElement[]} rows */
function section(title, rows) {
  return make("section", {}, make("h4", { textContent: title }), ...rows);
}

export class HelpDialog {
  /** @param {HTMLDialogElement} dialog */
  constructor(dialog) {
    this.dialog = dialog;
    this.more = make("div", { textContent: "↓ more below", className: "vas-more" });
    dialog.addEventListener("scroll", () => this.sayMore());
    window.addEventListener("resize", () => this.sayMore());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }

  get isOpen() {
    return this.dialog.open;
  }

  /**
   * Fill the dialog from the commands, so that it can never tell of a key that is not there.
   * @param {Record<string, Command>} commands
   * @param {HTMLElement} legend
   */
  fill(commands, legend) {
    const close = make("button", { type: "button", textContent: "Close", onclick: () => this.dialog.close() });
    const head = make("header", {}, make("h3", { textContent: "Keys and signs" }), close);
    const columns = make("div", { className: "vas-help-columns" });
    columns.append(section("Mouse", MOUSE.map(([key, text]) => row([key], text))));
    for (const [title, names] of GROUPS) {
      const rows = names.map((name) => row(commands[name].keys.map(wordOf), commands[name].label));
      if (title === "Review") rows.push(row(["1", "…", "9"], "Choose the object in that row of the list"));
      columns.append(section(title, rows));
    }
    columns.append(section("Signs in the timeline", [legend]));
    this.dialog.replaceChildren(head, columns, this.more);
  }

  toggle() {
    if (this.isOpen) return this.dialog.close();
    this.dialog.showModal();
    return this.sayMore();
  }

  /** A page that goes on below its rim says so. */
  sayMore() {
    this.more.hidden = false;
    const { scrollTop, clientHeight, scrollHeight } = this.dialog;
    this.more.hidden = scrollTop + clientHeight >= scrollHeight - this.more.offsetHeight - 2;
  }

  /** While the page of keys is open, keys only close it. @param {KeyboardEvent} event @param {string} name */
  key(event, name) {
    if (name !== "?" && name !== "Escape") return;
    event.preventDefault();
    this.dialog.close();
  }
}
