// @ts-check
// What is known of the chosen object's template, beside the picture while its tool is used.
import { partOf } from "./elements.js";
import { plural } from "./hint.js";
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
  const where = { given: "This is one.", between: "Here it lies between two.", beyond: "Here it has no mask yet." }[how];
  return `Outline of frame ${from}. ${plural(frames.length, "key frame")}: ${named}. ${where}`;
}
