// @ts-check
// What is known of the chosen object's template, beside the picture while its tool is used.
import { partOf } from "./elements.js";
import { templateHere } from "./template_tool.js";
/** @import { TemplateOn } from "./types.d.ts" */
/** @import { Store } from "./store.js" */

const SHOWN = 8; // key frames that are named

/** @param {HTMLElement} root @param {Store} store */
export function renderTemplate(root, store) {
  partOf(root, "template").hidden = store.tool !== "template";
  const here = store.chosenObject ? templateHere(store, store.frame) : null;
  partOf(root, "template-text").textContent = here ? wordsOf(here) : "No outline yet.";
}

/** @param {TemplateOn} here */
function wordsOf({ template: { taken_from: from, poses }, how }) {
  const frames = poses.map(({ frame }) => frame);
  const named = frames.length > SHOWN ? `${frames.slice(0, SHOWN).join(", ")}, …` : frames.join(", ");
  const where = {
    given: "This frame is one.", between: "This frame lies between two.",
    beyond: "This frame lies beyond them: drag it into place to give it a mask.",
  }[how];
  return `Outline of frame ${from}. ${frames.length === 1 ? "Key frame" : "Key frames"}: ${named}. ${where}`;
}
