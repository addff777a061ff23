// @ts-check
// Keys of the tool that places a template.
import { showsScene } from "./scene.js";
import { BIT } from "./store.js";
import { templateHere } from "./template_tool.js";
/** @import { App, CommandLine } from "./types.d.ts" */

/** @param {App} app @returns {CommandLine[]} */
export function templating({ store, actions, tools, view }) {
  const here = () => (store.chosenObject && view.shown !== null ? templateHere(store, view.shown) : null);
  const isSeen = () => store.tool === "template" && !store.hideAll && !showsScene(store);
  const use = () => {
    store.setTool("template");
    tools.hover();
  };
  const take = () => {
    use();
    actions.templates.take(view.shown ?? 0, Boolean(store.frameBits(store.chosen.id, view.shown ?? -1) & BIT.occluded));
  };
  /** @param {"fit" | "remove"} what */
  const act = (what) => () => {
    const on = here();
    if (on) actions.templates[what](on, view.shown ?? 0);
  };
  return [
    { name: "tool-template", keys: ["Shift+r"], label: "Template: the outline of a frame where it is whole, placed on others", on: () => store.tool === "template", run: use },
    {
      name: "template-take", keys: ["Shift+t"], label: "Take the outline on this frame as template", run: take,
      when: () => Boolean(store.frameBits(store.chosen.id, view.shown ?? -1) & (BIT.modal | BIT.amodal)),
    },
    { name: "template-fit", keys: ["."], label: "Fit the template to what is seen on this frame", run: act("fit"), when: () => isSeen() && Boolean(here()) },
    { name: "template-remove", keys: [","], label: "Remove the template's key frame here", run: act("remove"), when: () => isSeen() && here()?.how === "given" },
  ];
}
