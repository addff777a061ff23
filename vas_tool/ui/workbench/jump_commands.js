// @ts-check
// Keys that jump to where something of the chosen object changes, and to the middle between key frames.
import { keyframesOf } from "./amodal_box.js";
import { changeFrom, middleOf } from "./jumps.js";
import { BIT } from "./store.js";
import { templatesOf } from "./template_tool.js";
/** @import { App, CommandLine } from "./types.d.ts" */
/** @import { Store } from "./store.js" */

/** @param {Store} store */
export const paints = ({ tool }) => tool === "brush" || tool === "eraser";

/** @param {App} app @returns {CommandLine[]} */
export function jumping(app) {
  const { store, actions } = app;
  /** @param {1 | -1} step */
  const changeAt = (step) => (store.chosenObject ? changeFrom(store.bitsOf(store.chosen.id) ?? new Uint8Array(), store.frame, step) : null);
  /** @param {1 | -1} step @returns {Pick<CommandLine, "run" | "when">} */
  const toChange = (step) => ({ run: () => actions.go(changeAt(step) ?? store.frame), when: () => changeAt(step) !== null });
  return [
    { name: "previous-change", keys: ["PageUp"], label: "Change before", ...toChange(-1) },
    { name: "next-change", keys: ["PageDown"], label: "Next change: a mask, a hidden part, a click or a check begins or ends", ...toChange(1) },
    {
      name: "middle", keys: ["m"], label: "Middle between two key frames (with the brush: the other mask)",
      run: () => goToMiddle(app), when: () => Boolean(store.chosenObject) && !paints(store),
    },
  ];
}

/**
 * Halve the way between two key frames: those of the amodal box or the template with its tool, else those with clicks, boxes, strokes.
 * @param {App} app
 */
function goToMiddle({ store, actions, say }) {
  const clicked = [...(store.bitsOf(store.chosen.id) ?? [])].flatMap((bits, frame) => (bits & BIT.prompted ? [frame] : []));
  const posed = templatesOf(store).flatMap(({ poses }) => poses.map(({ frame }) => frame)).sort((a, b) => a - b);
  const keys = { amodal: keyframesOf(store).map(({ frame }) => frame), template: posed }[String(store.tool)] ?? clicked;
  const middle = middleOf(keys, store.frame);
  if (middle === null) say("No frame lies between two key frames here.", { calm: true });
  else actions.go(middle);
}
