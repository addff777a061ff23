// @ts-check
// The timeline under the picture: a ruler and one row an object, on canvas, for 25 frames as for 2,500.
import { drawKeyframes } from "./amodal_box.js";
import { found, penOf } from "./elements.js";
import { Filmstrip } from "./filmstrip.js";
import { BIT } from "./store.js";
import { cssOf } from "./colours.js";
import { ROW_HEIGHT, columnsOf, drawDiffer, drawRow } from "./cells.js";
import { openWords } from "./hint.js";
import { marksOf } from "./templates.js";
/** @import { Thing } from "./types.d.ts" */
/** @import { Actions } from "./actions.js" */
/** @import { Store } from "./store.js" */

const GUTTER = 112; // css pixels for the objects' names
const RIGHT = 10;
const RULER_HEIGHT = 22;
const TICK_ROOM = 56; // css pixels between two labelled ticks
const HEAD_ROOM = 28; // around the playhead's flag, where a tick's number would be half covered
const KEYFRAME_AT = 5; // css pixels from a row's top
const FRAMED_FROM = 11; // css pixels of a cell
const HEAD_COLOUR = "#ff5a5f";
const FONT = "11px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
/** @type {[number, string][]} */
const STATE_WORDS = [
  [BIT.prompted, "clicks"], [BIT.modal, "modal mask"], [BIT.amodal, "amodal mask"], [BIT.occluded, "occluded"],
  [BIT.content, "content"], [BIT.accepted, "accepted"], [BIT.stale, "stale: made before something changed"],
  [BIT.look, "needs a look"],
];

export class Timeline {
  /** @param {{root: HTMLElement, store: Store, actions: Actions}} parts */
  constructor({ root, store, actions }) {
    this.root = root;
    this.store = store;
    this.actions = actions;
    this.ruler = found(root, ".vas-ruler", HTMLCanvasElement);
    this.rows = found(root, ".vas-rows canvas", HTMLCanvasElement);
    this.scroller = found(root, ".vas-rows", HTMLElement);
    this.filmstrip = new Filmstrip({ canvas: found(root, ".vas-film", HTMLCanvasElement), store, strip: () => this.strip });
    this.still = document.createElement("canvas"); // the rows without the playhead
    this.stillKey = "";
    this.requested = 0;
    this.width = 0; // css pixels
    this.ratio = 1; // device pixels for each of them
    this.dragging = false;
    new ResizeObserver(() => this.resize()).observe(this.scroller);
    root.addEventListener("pointerdown", (event) => this.down(event));
    root.addEventListener("pointermove", (event) => this.moved(event));
    root.addEventListener("pointerup", () => (this.dragging = false));
    root.addEventListener("pointercancel", () => (this.dragging = false));
  }

  resize() {
    this.width = this.scroller.clientWidth;
    this.store.touch("zoom"); // a wider strip wants other thumbnails
    this.request();
  }

  request() {
    if (!this.requested) this.requested = requestAnimationFrame(() => this.draw());
  }

  /** Where the cells are, css pixels. */
  get strip() {
    return { left: GUTTER, right: this.width - RIGHT };
  }

  get cell() {
    return (this.width - GUTTER - RIGHT) / Math.max(1, this.store.frameCount);
  }

  /** @param {number} frame */
  place(frame) {
    return GUTTER + frame * this.cell;
  }

  /** @param {number} x */
  frameAt(x) {
    return Math.min(Math.max(0, Math.floor((x - GUTTER) / this.cell)), this.store.frameCount - 1);
  }

  /** @param {PointerEvent} event */
  objectAt(event) {
    const y = event.clientY - this.rows.getBoundingClientRect().top;
    const inside = event.clientY >= this.scroller.getBoundingClientRect().top;
    return inside ? this.store.state?.objects[Math.floor(y / ROW_HEIGHT)] ?? null : null;
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (!this.store.state || event.button !== 0) return;
    const x = event.clientX - this.rows.getBoundingClientRect().left;
    if (x > this.width) return; // the scroll bar
    const object = this.objectAt(event);
    if (object) this.actions.choose({ id: object.id });
    if (x < GUTTER) return;
    this.root.setPointerCapture(event.pointerId);
    this.dragging = true;
    this.actions.stopAt(this.frameAt(x));
  }

  /** @param {PointerEvent} event */
  moved(event) {
    if (!this.store.state) return;
    const frame = this.frameAt(event.clientX - this.rows.getBoundingClientRect().left);
    if (this.dragging) this.actions.go(frame);
    else this.tell(frame, this.objectAt(event));
  }

  /**
   * The tooltip says in words what the signs under the pointer mean.
   * @param {number} frame
   * @param {Thing | null} object
   */
  tell(frame, object) {
    const bits = object ? this.store.frameBits(object.id, frame) : 0;
    const words = STATE_WORDS.filter(([bit]) => bits & bit).map(([, word]) => word);
    if (object?.needs_work.includes(frame)) words.push("marked as needing work");
    const level = object ? this.store.differ.get(object.id)?.[frame] ?? 0 : 0;
    if (level > 1) words.push(`hypotheses differ by ${Math.round((level - 1) / 2.54)} %`);
    const [open, hidden] = object?.nothing_in_front[frame] ?? [0, 1];
    if (open) words.push(openWords(open, hidden));
    const text = object ? `${object.label}, frame ${frame}: ${words.join(", ") || "nothing yet"}` : `frame ${frame}`;
    if (this.root.title !== text) this.root.title = text;
  }

  draw() {
    this.requested = 0;
    if (!this.width) return;
    this.ratio = window.devicePixelRatio || 1;
    const height = Math.max(1, this.store.state?.objects.length ?? 0) * ROW_HEIGHT;
    this.size(this.ruler, RULER_HEIGHT);
    this.size(this.rows, height);
    this.drawRuler(this.pen(this.ruler));
    this.drawStill(height);
    const context = this.pen(this.rows);
    context.drawImage(this.still, 0, 0, this.width, height);
    if (this.store.state) this.drawPlayhead(context, height);
    const head = this.place(this.store.frame) + this.cell / 2;
    const { width, ratio } = this;
    this.filmstrip.draw({ width, ratio, head, colour: HEAD_COLOUR });
    this.describe();
  }

  /** @param {HTMLCanvasElement} canvas @param {number} height */
  size(canvas, height) {
    const [width, pixels] = [Math.round(this.width * this.ratio), Math.round(height * this.ratio)];
    if (canvas.width !== width || canvas.height !== pixels) {
      Object.assign(canvas, { width, height: pixels });
      Object.assign(canvas.style, { width: `${this.width}px`, height: `${height}px` });
      this.stillKey = "";
    }
  }

  /** @param {HTMLCanvasElement} canvas */
  pen(canvas) {
    const context = penOf(canvas);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.font = FONT;
    context.textBaseline = "middle";
    return context;
  }

  /** @param {CanvasRenderingContext2D} context */
  drawRuler(context) {
    const { frameCount: count, frame, project } = this.store;
    if (!project) return;
    const step = tickStep(count, { cell: this.cell, fps: project.fps });
    const head = this.place(frame) + this.cell / 2;
    for (let tick = 0; tick < count; tick += step) {
      const x = this.place(tick);
      context.fillStyle = "#4a5361";
      context.fillRect(x, RULER_HEIGHT - 6, 1, 6);
      context.fillStyle = "#98a2b0";
      if (Math.abs(x + 10 - head) > HEAD_ROOM) context.fillText(String(tick), x + 3, RULER_HEIGHT / 2 - 1);
    }
    this.drawHead(context, frame);
  }

  /**
   * The playhead's flag on the ruler, with the frame's number.
   * @param {CanvasRenderingContext2D} context
   * @param {number} frame
   */
  drawHead(context, frame) {
    const text = String(frame);
    const middle = this.place(frame) + this.cell / 2;
    const width = context.measureText(text).width + 10;
    const left = Math.min(Math.max(middle - width / 2, GUTTER - 4), this.width - width);
    context.fillStyle = HEAD_COLOUR;
    context.fillRect(left, 2, width, 15);
    context.fillRect(middle - 1, 16, 2, RULER_HEIGHT - 16);
    context.fillStyle = "#14171c";
    context.fillText(text, left + 5, 10);
  }

  /** @param {number} height */
  drawStill(height) {
    const { state, chosen } = this.store;
    const key = `${state?.version}/${this.store.order}/${chosen.id}/${this.width}/${height}`;
    if (key === this.stillKey) return;
    this.size(this.still, height);
    this.stillKey = key;
    const context = this.pen(this.still);
    if (!state?.objects.length) return this.drawNoRows(context);
    state.objects.forEach((object, index) => this.drawObject(context, { object, top: index * ROW_HEIGHT }));
    return undefined;
  }

  /** @param {CanvasRenderingContext2D} context */
  drawNoRows(context) {
    if (!this.store.state) return;
    context.fillStyle = "#77818f";
    context.fillText("no object yet", 10, ROW_HEIGHT / 2);
  }

  /** @param {CanvasRenderingContext2D} context @param {{object: Thing, top: number}} what */
  drawObject(context, { object, top }) {
    const isChosen = object.id === this.store.chosen.id;
    context.fillStyle = isChosen ? "#232832" : "#171a20";
    context.fillRect(0, top, this.width, ROW_HEIGHT - 1);
    context.fillStyle = cssOf(object.id);
    context.fillRect(0, top, isChosen ? 4 : 2, ROW_HEIGHT - 1);
    context.fillStyle = isChosen ? "#fff" : "#b8c0cc";
    context.fillText(shorten(context, `${object.id}  ${object.label}`), 10, top + ROW_HEIGHT / 2);
    const bits = this.store.bits.get(object.id) ?? new Uint8Array();
    const columns = columnsOf(bits, { count: this.store.frameCount, width: (this.width - GUTTER - RIGHT) * this.ratio });
    context.save();
    context.beginPath();
    context.rect(GUTTER - 6, top, this.width, ROW_HEIGHT);
    context.clip();
    /** @param {number} frame */
    const place = (frame) => this.place(frame);
    drawRow(context, { columns, place, top, id: object.id });
    drawDiffer(context, { levels: this.store.differ.get(object.id), columns, place, top });
    for (const boxes of [object.amodal_boxes, ...object.templates.map(marksOf)]) drawKeyframes(context, { boxes, place, cell: this.cell, middle: top + KEYFRAME_AT });
    context.restore();
  }

  /**
   * A frame around a wide cell, so that the signs in it stay readable; a line when there is no room for one.
   * @param {CanvasRenderingContext2D} context
   * @param {number} height
   */
  drawPlayhead(context, height) {
    const x = this.place(this.store.frame);
    if (this.cell < FRAMED_FROM) {
      context.fillStyle = HEAD_COLOUR;
      context.fillRect(x + this.cell / 2 - 1, 0, 2, height);
      return;
    }
    context.fillStyle = "rgba(255,255,255,.09)";
    context.fillRect(x, 0, this.cell, height);
    context.strokeStyle = HEAD_COLOUR;
    context.lineWidth = 1.5;
    context.strokeRect(x, -2, this.cell, height + 1);
  }

  describe() {
    this.root.setAttribute("aria-valuemax", String(Math.max(0, this.store.frameCount - 1)));
    this.root.setAttribute("aria-valuenow", String(this.store.frame));
    this.root.setAttribute("aria-valuetext", `frame ${this.store.frame}`);
  }

  /** Bring the chosen object's row into sight. */
  scrollToChosen() {
    const index = this.store.state?.objects.findIndex(({ id }) => id === this.store.chosen.id) ?? -1;
    if (index < 0) return;
    const [top, bottom] = [index * ROW_HEIGHT, (index + 1) * ROW_HEIGHT];
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    const { clientHeight } = this.scroller;
    if (bottom > this.scroller.scrollTop + clientHeight) this.scroller.scrollTop = bottom - clientHeight;
  }
}

/**
 * Frames between two ticks: whole seconds once there is no room for less.
 * @param {number} count
 * @param {{cell: number, fps: number}} how
 */
function tickStep(count, { cell, fps }) {
  const second = Math.max(1, Math.round(fps));
  const steps = [1, 2, 5, 10, ...[1, 2, 5, 10, 30, 60, 120, 300, 600].map((seconds) => seconds * second)];
  return steps.filter((step) => step * cell >= TICK_ROOM).sort((a, b) => a - b)[0] ?? count;
}

/** @param {CanvasRenderingContext2D} context @param {string} text */
function shorten(context, text) {
  if (context.measureText(text).width <= GUTTER - 20) return text;
  let short = text;
  while (short.length > 3 && context.measureText(`${short}…`).width > GUTTER - 20) short = short.slice(0, -1);
  return `${short}…`;
}
