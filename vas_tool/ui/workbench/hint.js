// @ts-check
// The one line that says what to do next.
import { BIT } from "./store.js";
import { takeHint } from "./template_tool.js";
/** @import { Hint, Reason, Tool } from "./types.d.ts" */
/** @import { Store } from "./store.js" */

const TRACKED_FROM = 0.9; // part of the frames with a modal mask from which tracking counts as done

/** @type {Partial<Record<Tool, string>>} */
const PAINTING = {
  brush: "paints on",
  eraser: "erases",
};

const HAND = "Drag to move the view, wheel to zoom, 0 fits the picture. V goes back to clicking.";

const AMODAL = "Drag around the whole object, beyond the picture if need be. Between two such frames the box moves by itself.";

const PLACING = "Drag the outline into place; it snaps to the visible edge (not with Shift). Between key frames it moves by itself.";

/**
 * The sentence for the present state, and whether it deserves notice.
 * @param {Store} store
 * @returns {Hint}
 */
export function hintFor(store) {
  if (!store.state) return { text: "" };
  if (store.reason?.frame === store.frame) return reasonHint(store.reason, store);
  if (store.tool in PAINTING) return { text: paintHint(store) };
  if (store.tool === "hand") return { text: HAND };
  if (store.tool === "amodal") return { text: AMODAL };
  if (store.tool === "template") return { text: store.chosenObject?.templates.length ? PLACING : takeHint(store) };
  if (store.tool === "order") return { text: orderHint(store) };
  if (store.jobRuns) return { text: "Frames fill in as they are finished; Cancel (Esc) keeps those." };
  return { text: [openHint(store), nextStep(store), gain(store)].filter(Boolean).join(" ") };
}

/** @param {Store} store */
function orderHint({ chosenObject }) {
  const name = chosenObject?.label ?? "the chosen object";
  return `Click the object that is in front of ${name}; Shift-click one that is behind it. V goes back to clicking.`;
}

/**
 * What another run would make better without anything being stale: something was changed on other frames.
 * @param {Store} store
 */
function gain(store) {
  const object = store.chosenObject;
  if (!object || store.anyBits(object.id, BIT.stale)) return "";
  const { segment = 0, amodal = 0, content = 0 } = object.gains ?? {};
  if (segment) return `T would track ${plural(segment, "frame")} again from what you painted.`;
  const number = Math.max(amodal, content);
  const { seeded } = store.engineOf("amodal") ?? {};
  if (!number && seeded && !object.differ && store.anyBits(object.id, BIT.occluded)) return "U makes other answers for the hidden part.";
  return number ? `A would complete ${plural(number, "frame")} again with what changed on others.` : "";
}

/** @param {Reason} reason @param {Store} store @returns {Hint} */
function reasonHint(reason, { state }) {
  if (reason.object === null) return { text: "No frame needs a look. When it is right, export at the top." };
  const label = state?.objects.find(({ id }) => id === reason.object)?.label ?? "object";
  const why = reason.why.replace(/\.$/, "");
  const text = `${label}, frame ${reason.frame}: ${why}. Correct it, or Enter accepts it; N goes on.`;
  return { text, notice: true };
}

/** How much of the hidden part nothing can hide. @param {number} open @param {number} hidden  pixels */
export const openWords = (open, hidden) => `nothing in front of ${open} pixels (${Math.round((100 * open) / Math.max(1, hidden))} % of the hidden part)`;

/** What nothing can hide on this frame, where its layer shows it. @param {Store} store */
function openHint({ chosenObject, frame, layers }) {
  const [open, hidden] = chosenObject?.nothing_in_front[frame] ?? [0, 0];
  return open && layers.open ? `Red: ${openWords(open, hidden)}.` : "";
}

/** @param {Store} store */
function paintHint(store) {
  const { tool, paintLayer } = store;
  const open = openHint(store);
  if (open && paintLayer === "amodal") return `${open} The ${tool} ${PAINTING[tool]} the amodal mask; M changes it.`;
  const meaning = paintLayer === "modal" ? "what is seen" : "the whole object, hidden part included";
  const keys = "M changes the mask, [ and ] the size, V goes back to clicking.";
  return `The ${tool} ${PAINTING[tool]} the ${paintLayer} mask (${meaning}). ${keys}`;
}

/** @param {Store} store */
function nextStep(store) {
  const { state, chosen, chosenObject: object } = store;
  if (!object) return "Click the object you want. Shift-click or right-click what does not belong to it.";
  /** @param {number} bit */
  const has = (bit) => store.anyBits(chosen.id, bit);
  /** @param {number} bit */
  const count = (bit) => store.countBits(chosen.id, bit);
  if (!has(BIT.modal)) return `Click ${object.label} in the picture. Shift-click or right-click what does not belong to it.`;
  if (count(BIT.modal) < TRACKED_FROM * store.frameCount && !has(BIT.amodal)) {
    return "Press T to follow it through the clip. First mend it here: click what is missing, Shift-click what is too much.";
  }
  if (!has(BIT.amodal)) return "Press A to complete what is hidden. Wrong on a frame? Click there and press T again.";
  if (has(BIT.stale)) {
    return `${plural(count(BIT.stale), "frame")} changed since: press T or A to bring the hatched ones up to date.`;
  }
  const look = (state?.objects ?? []).reduce((sum, { id }) => sum + store.countBits(id, BIT.look), 0);
  if (look) return `Check the marked frames: N shows the next of ${look} and says why, Enter accepts.`;
  if (count(BIT.accepted) < store.frameCount) {
    return "Look it through: Enter accepts a frame and goes on. When it is right, export at the top.";
  }
  return "All frames accepted. Export at the top, or press O for another object.";
}

/** @type {(number: number, word: string) => string} */
export const plural = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
