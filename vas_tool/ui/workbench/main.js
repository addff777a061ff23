// The workbench, put together: mount() is called once by the page and follows its value from then on.
import { Actions } from "./actions.js";
import { makeLegend } from "./cells.js";
import { makeCommands } from "./commands.js";
import { Connection } from "./connection.js";
import { CropPanel } from "./crop_panel.js";
import { CostLine } from "./cost.js";
import { Pictures } from "./frames.js";
import { HelpDialog } from "./help.js";
import { Hypotheses } from "./hypotheses.js";
import { resume } from "./kept.js";
import { listenToKeys, typesNow, wordOf } from "./keys.js";
import { Loader } from "./loader.js";
import { Masks } from "./masks.js";
import { SidePanel } from "./objects.js";
import { Playback } from "./playback.js";
import { loadList, mayHaveMasks } from "./prefetch.js";
import { StatusLines } from "./status.js";
import { Store } from "./store.js";
import { paintTile } from "./tiles.js";
import { Timeline } from "./timeline.js";
import { Tools } from "./tools.js";
import { Tray } from "./tray.js";
import { View } from "./view.js";
import { keepFromDragging, keepHeight, loadStyle, showOptionsOverThePicture, takeFocusBack, tellPathInFull } from "./page.js";

const LOAD_AGAIN_MS = 1600; // after a picture or mask did not come

const whenIdle = window.requestIdleCallback ?? ((act) => setTimeout(act, 1)); // Safari has none

class Workbench {
  constructor(root) {
    this.root = root;
    this.store = new Store();
    this.masks = new Masks(this.store);
    this.status = new StatusLines({ root, store: this.store });
    const say = (text, options) => this.status.say(text, options);
    const refused = () => this.store.touch("state"); // what a field or list shows may not hold
    const succeeded = () => this.status.passOn();
    this.actions = new Actions({ store: this.store, say, take: (answer) => this.take(answer), refused, succeeded });
    const canvas = root.querySelector(".vas-canvas");
    const { store, masks } = this;
    this.hypotheses = new Hypotheses({ store, onLoaded: () => store.touch("hypotheses") });
    this.view = new View({ canvas, store, masks, hypotheses: this.hypotheses, onPaint: (...painted) => this.painted(...painted) });
    this.tools = new Tools({ canvas, store: this.store, view: this.view, actions: this.actions, say });
    this.timeline = new Timeline({ root: root.querySelector(".vas-timeline"), store: this.store, actions: this.actions });
    this.cost = new CostLine({ root, store });
    this.tray = new Tray({ root, store, actions: this.actions, hypotheses: this.hypotheses, paint: (...tile) => this.paintTile(...tile) });
    this.dialog = new HelpDialog(root.querySelector(".vas-help"));
    this.commands = makeCommands(this);
    this.side = new SidePanel({ root, store: this.store, actions: this.actions, commands: this.commands });
    this.crop = new CropPanel({ root, store, view: this.view, masks, actions: this.actions });
    this.playback = new Playback(this);
    this.loader = new Loader((error) => this.loadFailed(error));
    this.line = new Connection({ root, store: this.store, status: this.status, onState: (first) => first && this.firstState(), onLine: () => this.loadMore() });
    this.address = { token: "", base: "" };
    this.wire();
  }

  wire() {
    this.dialog.fill(this.commands, makeLegend());
    this.root.querySelector('[data-part="legend"]').append(makeLegend());
    for (const button of this.root.querySelectorAll("[data-command]")) this.wireButton(button);
    // Pressing a button with the mouse must not take the keys away from the picture.
    this.root.addEventListener("mousedown", (event) => event.target.closest("button, summary, label") && event.preventDefault());
    keepFromDragging(this.root);
    showOptionsOverThePicture();
    tellPathInFull();
    takeFocusBack(this.root.querySelector(".vas-canvas"));
    listenToKeys({ root: this.root, commands: this.commands, dialog: this.dialog });
    this.store.on((kinds) => this.changed(kinds));
    window.addEventListener("pagehide", () => this.actions.leave());
    // The browser asks before it drops what the server has not confirmed.
    window.addEventListener("beforeunload", (event) => this.line.api?.waiting && event.preventDefault());
  }

  wireButton(button) {
    const command = this.commands[button.dataset.command];
    button.title = `${command.label} (${command.keys.map(wordOf).join(" or ")})`;
    button.setAttribute("aria-label", command.label);
    button.onclick = () => command.when() && command.run();
  }

  /** Follow the page's value: another token is another project. */
  open({ token, base }) {
    token ||= "";
    base ||= OWN_BASE;
    if (token === this.address.token && base === this.address.base) return;
    this.address = { token, base };
    this.actions.leave();
    this.close();
    if (!token) return;
    this.api = this.actions.api = this.hypotheses.api = this.cost.api = this.line.open(this.address);
    this.pictures = this.view.pictures = new Pictures(this.api);
    this.status.empty("Opening…");
  }

  close() {
    clearTimeout(this.loadTimer);
    this.line.close();
    this.api = this.actions.api = this.hypotheses.api = this.cost.api = null;
    this.hypotheses.clear();
    this.cost.clear();
    this.loader.clear();
    this.pictures?.clear();
    this.pictures = this.view.pictures = null;
    this.masks.clear();
    this.store.reset();
    this.view.clear();
    this.painting = null;
    this.status.clearAlert();
    this.status.empty("Open a video above, or the sample, to begin.");
    this.store.touch("state", "tool");
  }

  firstState() {
    this.status.empty(null);
    this.view.camera.fit();
    resume({ store: this.store, actions: this.actions, say: (...words) => this.status.say(...words) });
    // The field or list it was opened with still has the keys; the picture needs them now.
    if (!typesNow()) this.root.querySelector(".vas-canvas").focus({ preventScroll: true });
  }

  /** Take an action's answer: the state first, then the masks it brought. */
  take({ state, masks, order }) {
    if (masks) this.masks.put(masks.frame, masks.objects, state.version);
    this.line.takeState(state, order);
    this.view.request();
  }

  loadFailed(error) {
    this.line.loadFailed(error);
    clearTimeout(this.loadTimer);
    this.loadTimer = setTimeout(() => this.loadMore(), LOAD_AGAIN_MS);
  }

  loadMore() {
    if (!this.api || !this.store.state) return;
    if (this.api.isLost) return this.loader.want([]); // a server that is down is not asked for pictures, too
    const { store, api, pictures, masks } = this;
    const onLoaded = (frame) => {
      if (frame === store.frame || frame === this.view.shown) this.view.request();
      else whenIdle(() => this.view.prepare(frame));
    };
    this.loader.want(loadList({ store, api, pictures, masks, width: this.view.frameWidth, onLoaded }));
  }

  /** Something changed: redraw what shows it. */
  changed(kinds) {
    this.view.request();
    if (["state", "frame", "chosen"].some((kind) => kinds.has(kind))) this.timeline.request();
    if (["state", "frame", "layers", "chosen", "zoom", "play"].some((kind) => kinds.has(kind))) this.loadMore();
    if (kinds.has("chosen")) this.timeline.scrollToChosen();
    if (kinds.has("chosen") || kinds.has("frame")) this.status.passOn();
    if (kinds.has("zoom") && kinds.size === 1) return;
    if (!this.rendering) this.rendering = requestAnimationFrame(() => this.render(kinds));
    this.sideChanged ||= ["state", "chosen", "layers"].some((kind) => kinds.has(kind));
  }

  render() {
    this.rendering = 0;
    if (this.sideChanged) this.side.render();
    this.sideChanged = false;
    this.tray.render();
    this.cost.render();
    this.status.render();
    this.renderButtons();
    const { store } = this;
    const part = (name) => this.root.querySelector(`[data-part="${name}"]`);
    part("radius").textContent = Math.round(2 * store.radius);
    part("paint-layer").textContent = store.paintLayer;
    part("brush").classList.toggle("vas-off", !["brush", "eraser"].includes(store.tool));
    this.root.classList.toggle("vas-playing", store.playing);
    this.tools.hover();
  }

  renderButtons() {
    for (const button of this.root.querySelectorAll("[data-command]")) {
      const command = this.commands[button.dataset.command];
      button.disabled = !command.when();
      if (command.on()) button.setAttribute("aria-pressed", "true");
      else button.removeAttribute("aria-pressed");
    }
    const { undo, redo } = this.store.state ?? {};
    this.root.querySelector("[data-command=undo]").title = `Undo${undo ? `: ${undo}` : ""} (Ctrl+Z)`;
    this.root.querySelector("[data-command=redo]").title = `Redo${redo ? `: ${redo}` : ""} (Ctrl+Y)`;
  }

  paintTile(canvas, drawn, tile) {
    const { store, view } = this;
    const picture = view.pictureOf(store.frame);
    paintTile(canvas, { picture, project: store.project, drawn, tile, id: store.chosen.id });
  }

  painted(frame, entry) {
    const { camera } = this.view;
    this.root.querySelector('[data-part="zoom"]').textContent = camera.fitted ? "fit" : `${Math.round(camera.scale * 100)} %`;
    const masks = !mayHaveMasks(this.store, frame) || !this.masks.needs(frame); // everything there is is painted
    // Some buttons depend on what the stage shows, which comes later than what is asked for.
    if (frame !== this.painting?.frame) this.rendering ||= requestAnimationFrame(() => this.render());
    this.painting = { time: performance.now(), frame, maskVersion: entry?.stamp ?? null, masks };
    this.status.renderWait(frame);
    this.crop.paint(frame);
  }

  /** For tests and for looking at the page from its console. */
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
 * @param {{value: {token: string, base: string}}} props  the page's value
 * @param {(name: string, changed: () => void) => void} watch  calls back when the page's value changes
 */
export async function mount(element, props, watch) {
  const root = element.querySelector(".vas");
  if (!root || root.dataset.mounted) return;
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
