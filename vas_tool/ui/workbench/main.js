// @ts-check
// The workbench, put together: mount() is called once by the page and follows its value from then on.
import { Actions } from "./actions.js";
import { makeLegend } from "./cells.js";
import { makeCommands } from "./commands.js";
import { ComposingPanel } from "./composing.js";
import { Connection } from "./connection.js";
import { CropPanel } from "./crop_panel.js";
import { CostLine } from "./cost.js";
import { Pictures } from "./frames.js";
import { found, partOf, targetOf } from "./elements.js";
import { FindPanel } from "./find.js";
import { HelpDialog } from "./help.js";
import { Hypotheses } from "./hypotheses.js";
import { resume } from "./kept.js";
import { followLink } from "./link.js";
import { listenToKeys, typesNow, wordOf } from "./keys.js";
import { Loader } from "./loader.js";
import { Masks } from "./masks.js";
import { SidePanel } from "./objects.js";
import { REACH } from "./onion.js";
import { OpenPart } from "./open_part.js";
import { OrderPanel } from "./order_panel.js";
import { PerFrame } from "./per_frame.js";
import { Playback } from "./playback.js";
import { loadList, mayHaveMasks } from "./prefetch.js";
import { SecondOpinionPanel } from "./second_opinion.js";
import { SecondLookPanel } from "./second_look.js";
import { StatusLines } from "./status.js";
import { SamePanel } from "./same_panel.js";
import { Store } from "./store.js";
import { paintTile } from "./tiles.js";
import { Timeline } from "./timeline.js";
import { renderTemplate } from "./template_panel.js";
import { Tools } from "./tools.js";
import { TrainingPanel } from "./training.js";
import { Tray } from "./tray.js";
import { View } from "./view.js";
import { keepFromDragging, keepHeight, loadStyle, showOptionsOverThePicture, takeFocusBack, tellPathInFull } from "./page.js";
/** @import { Address, Change, DoneAnswer, DrawnHypotheses, HypothesisTile, MasksEntry, OrderAnswer, Painting, Probe, Props, Say, Watch } from "./types.d.ts" */
/** @import { Api } from "./api.js" */
const LOAD_AGAIN_MS = 1600; // after a picture or mask did not come
/** @type {(act: () => void) => void} */
const whenIdle = window.requestIdleCallback ?? ((act) => setTimeout(act, 1)); // Safari has none

/** @param {Set<Change>} kinds @param {Change[]} some */
const hasAny = (kinds, ...some) => some.some((kind) => kinds.has(kind));

class Workbench {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.canvas = found(root, ".vas-canvas", HTMLCanvasElement);
    const { canvas } = this;
    const store = this.store = new Store();
    const masks = this.masks = new Masks(store);
    const status = this.status = new StatusLines({ root, store });
    /** @type {Say} */
    const say = this.say = (text, how) => status.say(text, how);
    const actions = this.actions = new Actions({
      store, say, take: (answer) => this.take(answer), refused: () => store.touch("state"), succeeded: () => status.passOn(),
    });
    const hypotheses = this.hypotheses = new Hypotheses({ store, onLoaded: () => store.touch("hypotheses") });
    this.orders = new PerFrame({ store, read: (/** @type {OrderAnswer} */ answer) => answer, onLoaded: () => store.touch("hypotheses") });
    const open = this.openPart = new OpenPart({ store, onLoaded: () => store.touch("hypotheses") });
    const view = this.view = new View({ canvas, store, masks, hypotheses, open, onPaint: (frame, entry) => this.painted(frame, entry) });
    this.tools = new Tools({ canvas, store, view, actions, say });
    this.timeline = new Timeline({ root: found(root, ".vas-timeline", HTMLElement), store, actions });
    this.cost = new CostLine({ root, store });
    this.panels = [new TrainingPanel({ root, actions }), new SecondLookPanel({ root, actions }), new ComposingPanel({ root, store, actions }), new FindPanel({ root, store, actions }), new SecondOpinionPanel({ root, store, actions }), view.outlines];
    this.tray = new Tray({ root, store, actions, hypotheses, paint: (tileCanvas, drawn, tile) => this.paintTile(tileCanvas, drawn, tile) });
    this.dialog = new HelpDialog(found(root, ".vas-help", HTMLDialogElement));
    this.commands = makeCommands(this);
    this.side = new SidePanel({ root, store, actions, commands: this.commands });
    this.order = new OrderPanel({ root, store, actions, orders: this.orders });
    this.crop = new CropPanel({ root, store, view, masks, actions });
    this.same = new SamePanel({ root, store, view });
    this.playback = new Playback(this);
    this.loader = new Loader((error) => this.loadFailed(error));
    this.line = new Connection({ root, store, status, onState: (first) => first && this.firstState(), onLine: () => this.loadMore() });
    this.address = { token: "", base: "" };
    /** @type {Api | null} */
    this.api = null;
    /** @type {Pictures | null} */
    this.pictures = null;
    /** @type {Painting | null} what was painted last */
    this.painting = null;
    this.rendering = 0;
    this.sideChanged = false;
    this.loadTimer = 0;
    this.wire();
  }

  wire() {
    this.dialog.fill(this.commands, makeLegend());
    partOf(this.root, "legend").append(makeLegend());
    for (const button of this.buttons) this.wireButton(button);
    // Pressing a button with the mouse must not take the keys away from the picture.
    this.root.addEventListener("mousedown", (event) => targetOf(event)?.closest("button, summary, label") && event.preventDefault());
    keepFromDragging(this.root);
    showOptionsOverThePicture();
    tellPathInFull();
    takeFocusBack(this.canvas);
    listenToKeys({ root: this.root, commands: this.commands, dialog: this.dialog });
    this.store.on((kinds) => this.changed(kinds));
    window.addEventListener("pagehide", () => this.actions.leave());
    // The browser asks before it drops what the server has not confirmed.
    window.addEventListener("beforeunload", (event) => this.line.api?.waiting && event.preventDefault());
  }

  /** Everything that a press makes do a command. @returns {NodeListOf<HTMLButtonElement>} */
  get buttons() {
    return this.root.querySelectorAll("[data-command]");
  }

  /** The command that a button does. @param {HTMLElement} button */
  commandOf(button) {
    const command = this.commands[button.dataset.command ?? ""];
    if (!command) throw new Error(`the page has a button for ${button.dataset.command}, which is no command: reload it`);
    return command;
  }

  /** @param {HTMLButtonElement} button */
  wireButton(button) {
    const command = this.commandOf(button);
    button.title = `${command.label} (${command.keys.map(wordOf).join(" or ")})`;
    button.setAttribute("aria-label", command.label);
    button.onclick = () => command.when() && command.run();
  }

  /** Follow the page's value: another token is another project. @param {Partial<Address>} value */
  open({ token = "", base: given = "" }) {
    const base = given || OWN_BASE;
    if (token === this.address.token && base === this.address.base) return;
    this.address = { token, base };
    this.actions.leave();
    this.close();
    if (!token) return;
    this.giveApi(this.line.open(this.address));
    this.pictures = this.view.pictures = this.timeline.filmstrip.pictures = this.api && new Pictures(this.api);
    this.status.empty("Opening…");
  }

  /** @param {Api | null} api */
  giveApi(api) {
    for (const part of [this, this.actions, this.hypotheses, this.openPart, this.orders, this.cost, ...this.panels]) part.api = api;
  }

  close() {
    clearTimeout(this.loadTimer);
    this.line.close();
    this.giveApi(null);
    for (const part of [this.hypotheses, this.openPart, this.orders, this.cost, this.loader]) part.clear();
    for (const panel of this.panels) panel.clear();
    this.pictures?.clear();
    this.pictures = this.view.pictures = this.timeline.filmstrip.pictures = null;
    this.masks.clear();
    this.store.reset();
    this.view.clear();
    this.painting = null;
    this.status.clearAlert();
    this.status.empty("Open a video above, or the sample, to begin.");
  }

  firstState() {
    this.status.empty(null);
    this.view.camera.fit();
    followLink(this.store);
    resume({ store: this.store, actions: this.actions, say: this.say });
    // The field or list it was opened with still has the keys; the picture needs them now.
    if (!typesNow()) this.canvas.focus({ preventScroll: true });
  }

  /**
   * Take an action's answer: the state first, then the masks it brought.
   * @param {DoneAnswer & {order: number}} answer
   */
  take({ state, masks, order }) {
    if (masks) this.masks.put(masks.frame, masks.objects, state.version);
    this.line.takeState(state, order);
    this.view.request();
  }

  /** @param {unknown} error */
  loadFailed(error) {
    this.line.loadFailed(error);
    clearTimeout(this.loadTimer);
    this.loadTimer = setTimeout(() => this.loadMore(), LOAD_AGAIN_MS);
  }

  loadMore() {
    const { store, api, pictures, masks } = this;
    if (!api || !pictures || !store.state) return;
    if (api.isLost) return this.loader.want([]); // a server that is down is not asked for pictures, too
    /** @param {number} frame */
    const onLoaded = (frame) => {
      if (frame === this.view.shown || Math.abs(frame - store.frame) <= (store.layers.onion ? REACH : 0)) this.view.request();
      else whenIdle(() => this.view.prepare(frame));
    };
    const first = loadList({ store, api, pictures, masks, width: this.view.frameWidth, onLoaded });
    this.loader.want([...first, ...this.timeline.filmstrip.tasks(() => this.timeline.request())]);
  }

  /** Something changed: redraw what shows it. @param {Set<Change>} kinds */
  changed(kinds) {
    this.view.request();
    if (hasAny(kinds, "state", "frame", "chosen")) this.timeline.request();
    if (hasAny(kinds, "state", "frame", "layers", "chosen", "zoom", "play")) this.loadMore();
    if (kinds.has("chosen")) this.timeline.scrollToChosen();
    if (kinds.has("chosen") || kinds.has("frame")) this.status.passOn();
    if (kinds.has("zoom") && kinds.size === 1) return;
    if (!this.rendering) this.rendering = requestAnimationFrame(() => this.render());
    this.sideChanged ||= hasAny(kinds, "state", "chosen", "layers");
  }

  render() {
    this.rendering = 0;
    if (this.sideChanged) this.side.render();
    this.sideChanged = false;
    this.order.render();
    renderTemplate(this.root, this.store);
    this.tray.render();
    this.cost.render();
    this.status.render();
    this.renderButtons();
    const { store } = this;
    partOf(this.root, "radius").textContent = String(Math.round(2 * store.radius));
    partOf(this.root, "paint-layer").textContent = store.paintLayer;
    partOf(this.root, "brush").classList.toggle("vas-off", !["brush", "eraser"].includes(store.tool));
    this.root.classList.toggle("vas-playing", store.playing);
    this.tools.hover();
  }

  renderButtons() {
    for (const button of this.buttons) {
      const command = this.commandOf(button);
      button.disabled = !command.when();
      if (command.on()) button.setAttribute("aria-pressed", "true");
      else button.removeAttribute("aria-pressed");
    }
    const { undo = null, redo = null } = this.store.state ?? {};
    found(this.root, "[data-command=undo]", HTMLElement).title = `Undo${undo ? `: ${undo}` : ""} (Ctrl+Z)`;
    found(this.root, "[data-command=redo]", HTMLElement).title = `Redo${redo ? `: ${redo}` : ""} (Ctrl+Y)`;
  }

  /** @param {HTMLCanvasElement} canvas @param {DrawnHypotheses} drawn @param {HypothesisTile | null} tile */
  paintTile(canvas, drawn, tile) {
    const { project, frame, chosen } = this.store;
    if (project) paintTile(canvas, { picture: this.view.pictureOf(frame), project, drawn, tile, id: chosen.id });
  }

  /** @param {number} frame @param {MasksEntry | undefined} entry */
  painted(frame, entry) {
    const { camera } = this.view;
    partOf(this.root, "zoom").textContent = camera.fitted ? "fit" : `${Math.round(camera.scale * 100)} %`;
    const masks = !mayHaveMasks(this.store, frame) || !this.masks.needs(frame); // everything there is is painted
    // Some buttons depend on what the stage shows, which comes later than what is asked for.
    if (frame !== this.painting?.frame) this.rendering ||= requestAnimationFrame(() => this.render());
    this.painting = { time: performance.now(), frame, maskVersion: entry?.stamp ?? null, masks };
    this.status.renderWait(frame);
    this.crop.paint(frame);
    this.same.paint();
  }

  /** For tests and for looking at the page from its console. @returns {Probe} */
  get probe() {
    const bench = this;
    return {
      state: () => bench.store.state,
      frame: () => bench.store.frame,
      go: (frame) => bench.actions.go(frame),
      toScreen: (x, y) => bench.view.camera.toScreen({ x, y }),
      pending: () => bench.store.pending.length + bench.store.waiting,
      get lastPaint() { return bench.painting ?? null; },
      get ready() { return Boolean(bench.painting); },
    };
  }
}

/** Where the server's addresses begin when the page does not say: beside this file's folder, whatever the prefix. */
const OWN_BASE = new URL("..", import.meta.url).pathname.replace(/\/$/, "");

/**
 * @param {HTMLElement} element  holds the html of workbench.html
 * @param {Props} props  the page's value
 * @param {Watch} watch  calls back when the page's value changes
 */
export async function mount(element, props, watch) {
  const root = element.querySelector(".vas");
  if (!(root instanceof HTMLElement) || root.dataset.mounted) return;
  root.dataset.mounted = "yes";
  await loadStyle(new URL("./workbench.css", import.meta.url));
  keepHeight(root);
  const bench = new Workbench(root);
  bench.close();
  window.__vas = bench.probe;
  const follow = () => bench.open(props.value ?? {});
  watch("value", follow);
  follow();
}
