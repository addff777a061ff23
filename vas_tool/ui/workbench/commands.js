// @ts-check
// Everything a key or a button can do: one table for the keys, the buttons, their tooltips and the help page.
// keys are as keys.js names them; `when` says whether the command can act now; `on` whether it is switched on.
import { keyframesOf } from "./amodal_box.js";
import { isBox } from "./boxes.js";
import { jumping, paints } from "./jump_commands.js";
import { BIT, BRUSH_RANGE, LAYERS } from "./store.js";
import { templating } from "./template_commands.js";
import { templateHere, templatesOf } from "./template_tool.js";
/** @import { App, Command, CommandLine, LayerName, Tool } from "./types.d.ts" */
/** @import { Store } from "./store.js" */

const ZOOM_STEP = 1.25;
const BRUSH_STEP = 1.2;

/** @type {Record<LayerName, string>} */
const LAYER_KEYS = { modal: "q", hidden: "w", open: "i", content: "c", depth: "d", differ: "y", onion: "Shift+o", others: "x", scene: "Shift+v" };
/** @type {Record<LayerName, [string, string]>} name, what it shows */
export const LAYER_WORDS = {
  modal: ["Modal mask", "what is seen of the object"],
  hidden: ["Hidden part", "amodal mask where the modal mask is not"],
  open: ["Nothing in front", "red: pixels of the hidden part that no other object, nothing nearer and no edge of the picture can hide"],
  content: ["Content", "the object's own colours, hidden part included"],
  depth: ["Depth", "nearer is brighter"],
  differ: ["Differences", "where the chosen object's hypotheses differ: yellow a little, red by half"],
  onion: ["Onion skin", "outlines on the three frames before (dashes) and after (dots)"],
  others: ["Other objects", "masks of the objects not chosen"],
  scene: ["Scene", "objects moved, scaled, left out or frozen, in place of the clip"],
};

/** @param {App} app @returns {Record<string, Command>} */
export function makeCommands(app) {
  return Object.fromEntries(
    [...moving(app), ...jumping(app), ...working(app), ...reviewing(app), ...tooling(app), ...templating(app), ...looking(app)].map((command) => [
      command.name,
      { when: () => Boolean(app.store.state), on: () => false, ...command },
    ]),
  );
}

/** @param {App} app @returns {CommandLine[]} */
function moving({ store, actions }) {
  /** @param {number} frames */
  const step = (frames) => () => actions.go(store.frame + frames);
  const second = () => Math.max(1, Math.round(store.project?.fps ?? 1));
  const before = () => store.frame > 0;
  const after = () => store.frame < store.frameCount - 1;
  /** @param {number} sign */
  const jump = (sign) => () => actions.go(store.frame + sign * second());
  return [
    { name: "previous", repeats: true, keys: ["ArrowLeft"], label: "Step one frame back", run: step(-1), when: before },
    { name: "next", repeats: true, keys: ["ArrowRight"], label: "Step one frame forward", run: step(1), when: after },
    { name: "second-back", repeats: true, keys: ["Shift+ArrowLeft"], label: "One second back", run: jump(-1), when: before },
    { name: "second-on", repeats: true, keys: ["Shift+ArrowRight"], label: "One second on", run: jump(1), when: after },
    { name: "first", keys: ["Home"], label: "First frame", run: () => actions.go(0), when: before },
    { name: "last", keys: ["End"], label: "Last frame", run: () => actions.go(store.frameCount - 1), when: after },
    {
      name: "play", keys: [" "], label: "Play or pause", on: () => store.playing,
      run: () => actions.setPlaying(!store.playing), when: () => store.frameCount > 1,
    },
  ];
}

/** @param {App} app @returns {CommandLine[]} */
function working({ store, actions, tools, tray, status }) {
  const free = () => !store.jobRuns && !store.pending.some((item) => item.kind === "job");
  const canTrack = () => free() && Boolean(store.chosenObject) && hasSomething(store, store.chosen.id);
  const canComplete = () => free() && Boolean(store.chosenObject) && store.anyBits(store.chosen.id, BIT.modal);
  const canCompleteAll = () => free() && (store.state?.objects ?? []).some(({ id }) => store.anyBits(id, BIT.modal));
  const canUndo = () => Boolean(store.state?.undo || store.waiting); // what is on its way can be undone too
  const canRedo = () => Boolean(store.state?.redo);
  /** @param {"forward" | "backward" | "both"} direction */
  const track = (direction) => () => actions.track(direction);
  return [
    { name: "track-forward", keys: ["f"], label: "Track forwards from this frame", run: track("forward"), when: canTrack },
    { name: "track-backward", keys: ["b"], label: "Track backwards from this frame", run: track("backward"), when: canTrack },
    { name: "track-both", keys: ["t"], label: "Track through the whole clip, both ways", run: track("both"), when: canTrack },
    {
      name: "complete", keys: ["a"], label: "Complete the chosen object: depth, amodal masks, content",
      run: () => actions.complete(store.chosen.id), when: canComplete,
    },
    {
      name: "complete-all", keys: ["Shift+a"], label: "Complete all objects",
      run: () => actions.complete(null), when: canCompleteAll,
    },
    {
      name: "hypotheses", keys: ["u"], label: "Hypotheses: several answers for the hidden part, side by side",
      run: () => tray.toggle(), on: () => tray.open,
    },
    {
      name: "cancel", keys: ["Escape"], label: "Cancel what runs: finished frames are kept. Dismiss a message",
      run: () => cancel({ store, actions, tools, status }), when: () => store.jobRuns || Boolean(tools.gesture) || status.alerts,
    },
    { name: "undo", keys: ["Ctrl+z"], label: "Undo", run: () => actions.undo(), when: canUndo },
    { name: "redo", keys: ["Ctrl+y", "Ctrl+Shift+z"], label: "Redo", run: () => actions.redo(), when: canRedo },
  ];
}

/** @param {Pick<App, "store" | "actions" | "tools" | "status">} app */
function cancel({ store, actions, tools, status }) {
  if (tools.cancel()) return;
  status.clearAlert();
  if (store.jobRuns) actions.cancelJob();
}

/** @param {Store} store @param {number | null} id */
function hasSomething(store, id) {
  const { clicks = [], boxes = [], strokes = [] } = store.object(id) ?? {};
  return clicks.length + boxes.length + strokes.length > 0 || store.anyBits(id, BIT.modal);
}

/** Gradio's button, there only when the tool was opened with a queue. @returns {HTMLElement | null} */
const nextInQueue = () => document.querySelector("#next-project");

/** @param {App} app @returns {CommandLine[]} */
function reviewing({ store, actions, tools, view }) {
  const hereMasked = () => Boolean(store.frameBits(store.chosen.id, store.frame) & (BIT.modal | BIT.amodal));
  const accepted = () => Boolean(store.frameBits(store.chosen.id, store.frame) & BIT.accepted);
  const marked = () => store.chosenObject?.needs_work.includes(store.frame) ?? false;
  const several = () => (store.state?.objects.length ?? 0) > 1;
  // By place in the list: numbers of objects are never given twice, so they soon have two digits.
  /** @param {number} index */
  const inRow = (index) => store.state?.objects[index];
  const digits = Array.from({ length: 9 }, (_, index) => ({
    name: `object-${index + 1}`, keys: [String(index + 1)], label: `Choose the object in row ${index + 1}`,
    run: () => actions.choose({ id: inRow(index)?.id ?? null }), when: () => Boolean(inRow(index)),
  }));
  return [
    {
      name: "next-look", keys: ["n"], label: "Next frame that needs a look, and why", run: () => actions.nextLook(),
      when: () => (store.state?.objects ?? []).some(({ id }) => store.anyBits(id, BIT.look)),
    },
    {
      name: "next-project", keys: ["Shift+n"], label: "Next project of the queue that needs a look",
      run: () => nextInQueue()?.click(), when: () => Boolean(nextInQueue()),
    },
    {
      name: "accept", keys: ["Enter"], label: "Accept this frame and go on",
      run: () => actions.accept(true), when: hereMasked, on: accepted,
    },
    {
      name: "unaccept", keys: ["Shift+Enter"], label: "Take the acceptance back",
      run: () => actions.accept(false), when: accepted,
    },
    {
      name: "mark", keys: ["l"], label: "Needs work: mark this frame for later, or take it back; N finds it",
      run: () => actions.mark(!marked()), on: marked, when: () => Boolean(store.chosenObject),
    },
    {
      name: "accept-rest", keys: ["Ctrl+Enter"], label: "Accept all frames of the object that need no look",
      run: () => actions.acceptAll(store.chosen.id),
      when: () => Boolean(store.chosenObject) && store.anyBits(store.chosen.id, BIT.modal | BIT.amodal),
    },
    { name: "same-yes", keys: ["Shift+y"], label: "It is the same one", run: () => actions.identity.same(), when: () => Boolean(store.question) },
    {
      name: "same-no", keys: ["Shift+d"], label: "It is another one: from this frame on it becomes an object of its own",
      run: () => actions.identity.split(), when: () => Boolean(store.question),
    },
    { name: "next-object", keys: ["s"], label: "Next object", run: () => chooseNext({ store, actions }, 1), when: several },
    { name: "previous-object", keys: ["Shift+s"], label: "Object before", run: () => chooseNext({ store, actions }, -1), when: several },
    { name: "new-object", keys: ["o"], label: "New object", run: () => actions.newObject() },
    {
      name: "delete", keys: ["Delete", "Backspace"], label: "Delete the dot or box under the pointer, else the chosen object",
      run: () => removeHovered({ store, view, actions }) || actions.deleteObject(store.chosen.id),
      when: () => Boolean(store.chosenObject) && !tools.gesture,
    },
    ...digits,
  ];
}

/**
 * The next object of the list, or the one before; from the last to the first.
 * @param {Pick<App, "store" | "actions">} app
 * @param {1 | -1} step
 */
function chooseNext({ store, actions }, step) {
  const ids = (store.state?.objects ?? []).map(({ id }) => id);
  const place = ids.findIndex((id) => id === store.chosen.id);
  actions.choose({ id: ids[place < 0 ? 0 : (place + step + ids.length) % ids.length] });
}

/** @param {Pick<App, "store" | "view" | "actions">} app */
function removeHovered({ store, view, actions }) {
  const { shown, pointer: { hotDot, hotBox } } = view;
  if (shown === null) return true;
  if (store.tool === "amodal" && keyframesOf(store).length) {
    if (keyframesOf(store).some((box) => box.frame === shown)) actions.boxes.remove(shown);
    return true; // never the object with its boxes
  }
  if (store.tool === "template" && templatesOf(store).length) {
    const on = templateHere(store, shown);
    if (on?.how === "given") actions.templates.remove(on, shown);
    return true; // never the object with its templates
  }
  if (hotDot) actions.removeClick(hotDot);
  else if (hotBox) actions.removeBox(shown);
  return Boolean(hotDot || hotBox);
}

/**
 * What the chosen object's keyframes say on the shown frame.
 * @param {Pick<App, "store" | "view" | "actions">} app
 * @returns {CommandLine}
 */
function boxEnds({ store, actions, view }) {
  const isEnd = () => keyframesOf(store).some((keyframe) => keyframe.frame === view.shown && !isBox(keyframe));
  const canEnd = () => {
    const before = keyframesOf(store).filter(({ frame }) => frame < (view.shown ?? 0)).sort((a, b) => a.frame - b.frame).at(-1);
    return before !== undefined && isBox(before);
  };
  return {
    name: "box-end", keys: ["k"], label: "No amodal box from this frame on: the object is not there",
    run: () => actions.boxes.end(view.shown ?? 0, isEnd()), on: isEnd,
    when: () => Boolean(store.chosenObject) && view.shown !== null && (isEnd() || canEnd()),
  };
}

/** @param {App} app @returns {CommandLine[]} */
function tooling({ store, actions, tools, view }) {
  /** @type {(name: Tool, key: string, label: string) => CommandLine} */
  const tool = (name, key, label) => ({
    name: `tool-${name}`, keys: [key], label, on: () => store.tool === name,
    run: () => { store.setTool(name); tools.hover(); },
  });
  /** @param {number} factor */
  const size = (factor) => () => {
    store.scaleBrush(factor);
    tools.hover();
  };
  const otherLayer = () => {
    store.togglePaintLayer();
    tools.hover();
  };
  return [
    tool("point", "v", "Click and box"),
    tool("brush", "p", "Brush: adds to the mask"),
    tool("eraser", "e", "Eraser: takes from the mask"),
    tool("amodal", "r", "Box around the whole object, hidden part included"),
    boxEnds({ store, actions, view }),
    {
      ...tool("order", "j", "Who hides it: then click that object. Shift+click: what it hides"),
      when: () => Boolean(store.chosenObject) && (store.state?.objects.length ?? 0) > 1,
    },
    {
      name: "crop-large", keys: ["z"], label: "The crop larger, or small again",
      run: () => store.toggleCropSize(), on: () => store.cropIsLarge,
    },
    tool("hand", "g", "Hand: moves the view"),
    {
      name: "paint-layer", keys: ["m"], label: "Paint on the modal or on the amodal mask",
      run: otherLayer, on: () => store.paintLayer === "amodal", when: () => paints(store),
    },
    {
      name: "brush-smaller", repeats: true, keys: ["["], label: "Smaller brush",
      run: size(1 / BRUSH_STEP), when: () => store.radius > BRUSH_RANGE[0],
    },
    {
      name: "brush-larger", repeats: true, keys: ["]"], label: "Larger brush",
      run: size(BRUSH_STEP), when: () => store.radius < BRUSH_RANGE[1],
    },
  ];
}

/** @param {App} app @returns {CommandLine[]} */
function looking({ store, actions, view, dialog }) {
  /** @param {() => void} change */
  const zoom = (change) => () => {
    change();
    actions.viewMoved();
    view.request();
  };
  const layers = LAYERS.map((name) => ({
    name: `layer-${name}`, keys: [LAYER_KEYS[name]], label: `${LAYER_WORDS[name][0]} on or off`,
    run: () => actions.setLayer(name, !store.layers[name]), on: () => store.layers[name],
  }));
  return [
    ...layers,
    {
      name: "filmstrip", keys: ["Shift+f"], label: "Filmstrip: pictures of the clip above the timeline",
      run: () => store.toggleFilmstrip(), on: () => store.filmstrip,
    },
    { name: "hide-all", keys: ["h"], label: "Hide everything drawn over the picture", run: () => store.toggleAll(), on: () => store.hideAll },
    { name: "zoom-in", repeats: true, keys: ["+", "="], label: "Zoom in", run: zoom(() => view.camera.zoom(ZOOM_STEP)) },
    { name: "zoom-out", repeats: true, keys: ["-"], label: "Zoom out", run: zoom(() => view.camera.zoom(1 / ZOOM_STEP)) },
    { name: "zoom-fit", keys: ["0"], label: "Fit the picture", run: zoom(() => view.camera.fit()) },
    { name: "help", keys: ["?"], label: "Keys and signs", run: () => dialog.toggle(), when: () => true },
  ];
}
