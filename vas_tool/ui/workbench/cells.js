// @ts-check
// The signs of one timeline row. Each state has its own shape, so that colour is never needed to read it.
import { penOf } from "./elements.js";
import { BIT } from "./store.js";
import { cssOf } from "./colours.js";
/** @import { Column, Point } from "./types.d.ts" */

export const ROW_HEIGHT = 26;
const MODAL = { top: 9, height: 7 };
const AMODAL = { top: 18, height: 4 };
const DIFFER = { lowest: 1, highest: 5 }; // css pixels
const MARK_TOP = 1; // check and triangle stand above the bars
const MARK = 6;
const CHECK_FROM = 9; // css pixels of a cell from which each accepted frame has its own check

/**
 * Merge frames into columns when there are more frames than pixels: [{from, to (exclusive), any, all}].
 * @param {Uint8Array} bits
 * @param {{count: number, width: number}} room
 * @returns {Column[]}
 */
export function columnsOf(bits, { count, width }) {
  /** @type {Column[]} */
  const columns = [];
  const number = Math.min(count, Math.max(1, Math.floor(width)));
  for (let c = 0; c < number; c++) {
    const from = Math.floor((c * count) / number);
    const to = Math.max(from + 1, Math.floor(((c + 1) * count) / number));
    let any = 0;
    let all = 255;
    for (let frame = from; frame < to; frame++) {
      any |= bits[frame] ?? 0;
      all &= bits[frame] ?? 0;
    }
    columns.push({ from, to, any, all });
  }
  return columns;
}

/**
 * Stretches of columns for which test(column) holds, as [fromFrame, toFrame].
 * @param {Column[]} columns
 * @param {Test} test
 */
function spans(columns, test) {
  /** @type {[number, number][]} */
  const found = [];
  /** @type {[number, number] | null} */
  let open = null;
  for (const column of columns) {
    if (!test(column)) open = null;
    else if (open) open[1] = column.to;
    else {
      open = [column.from, column.to];
      found.push(open);
    }
  }
  return found;
}

/** @type {Map<string, CanvasPattern | string>} */
const hatches = new Map();

/**
 * Diagonal patterns, made once for each look.
 * @param {CanvasRenderingContext2D} context
 * @param {string} kind  a colour, or "stale"
 */
function hatch(context, kind) {
  const known = hatches.get(kind);
  if (known) return known;
  const tile = new OffscreenCanvas(6, 6);
  const pen = penOf(tile);
  pen.strokeStyle = kind === "stale" ? "#14171c" : kind;
  pen.lineWidth = kind === "stale" ? 2.2 : 1.8;
  for (const shift of [-6, 0, 6]) {
    pen.beginPath();
    pen.moveTo(shift, 6);
    pen.lineTo(shift + 6, 0);
    pen.stroke();
  }
  const pattern = context.createPattern(tile, "repeat") ?? kind;
  hatches.set(kind, pattern);
  return pattern;
}

/**
 * A row on its canvas: `place(frame)` gives the x of a frame's left edge.
 * @typedef {{columns: Column[], place: (frame: number) => number, top: number}} Row
 * @typedef {(column: Column) => boolean} Test
 */

/** Draw a row's states. @param {CanvasRenderingContext2D} context @param {Row & {id: number}} row */
export function drawRow(context, { columns, place, top, id }) {
  const cell = place(1) - place(0);
  const colour = cssOf(id);
  /** @type {(test: Test, place: {top: number, height: number}, style: string | CanvasPattern) => void} */
  const bar = (test, { top: offset, height }, style) => {
    context.fillStyle = style;
    for (const [from, to] of spans(columns, test)) {
      const x = place(from);
      // A hair of space between frames shows where one ends, as long as there is room for it.
      context.fillRect(x, top + offset, Math.max(1, place(to) - x), height);
    }
  };
  bar(({ any }) => Boolean(any & BIT.modal), MODAL, cssOf(id, 0.55));
  bar(({ all }) => Boolean(all & BIT.modal), MODAL, colour);
  bar(({ any }) => Boolean(any & BIT.amodal) && !(any & BIT.occluded), { top: AMODAL.top + 1, height: 2 }, colour);
  bar(({ any }) => Boolean(any & BIT.occluded), { top: AMODAL.top - 1, height: AMODAL.height + 2 }, hatch(context, colour));
  bar(({ any }) => Boolean(any & BIT.stale), { top: MODAL.top - 1, height: 15 }, hatch(context, "stale"));
  if (cell >= 6) drawGaps(context, { columns, place, top });
  drawMarks(context, { columns, place, top, cell });
}

/**
 * How far hypotheses differ (a byte a frame, see Store.differ), as a line at the foot of the row: higher is more.
 * @param {CanvasRenderingContext2D} context
 * @param {Row & {levels: Uint8Array | undefined}} row
 */
export function drawDiffer(context, { levels, columns, place, top }) {
  if (!levels) return;
  for (const { from, to } of columns) {
    const part = (Math.max(...levels.subarray(from, to)) - 1) / 254;
    if (part <= 0) continue;
    const height = DIFFER.lowest + (DIFFER.highest - DIFFER.lowest) * part;
    context.fillStyle = `rgb(255, ${Math.round(224 - 154 * part)}, ${Math.round(90 - 20 * part)})`;
    context.fillRect(place(from), top + ROW_HEIGHT - 1 - height, Math.max(1, place(to) - place(from)), height);
  }
}

/** @param {CanvasRenderingContext2D} context @param {Row} row */
function drawGaps(context, { columns, place, top }) {
  context.fillStyle = "#171a20";
  for (const { from } of columns) context.fillRect(Math.round(place(from)) - 0.5, top + MODAL.top, 1, MODAL.height);
}

/** @param {CanvasRenderingContext2D} context @param {Row & {cell: number}} row */
function drawMarks(context, { columns, place, top, cell }) {
  /** @param {Column} column */
  const middle = ({ from, to }) => (place(from) + place(to)) / 2;
  for (const column of columns) {
    if (column.any & BIT.prompted) diamond(context, { x: middle(column), y: top + MODAL.top + MODAL.height / 2 });
  }
  if (cell >= CHECK_FROM) {
    for (const column of columns) if (column.any & BIT.accepted) check(context, { x: middle(column), y: top + MARK_TOP });
  } else drawAcceptedSpans(context, { columns, place, top });
  let lastX = -Infinity;
  for (const column of columns) {
    const x = middle(column);
    if (!(column.any & BIT.look) || x - lastX < MARK) continue; // marks that would cover each other add nothing
    lastX = x;
    triangle(context, { x, y: top + MARK_TOP });
  }
}

/**
 * Cells too narrow for a check each: one line over the stretch, a check at its start.
 * @param {CanvasRenderingContext2D} context
 * @param {Row} row
 */
function drawAcceptedSpans(context, { columns, place, top }) {
  for (const [from, to] of spans(columns, ({ all }) => Boolean(all & BIT.accepted))) {
    const [x0, x1] = [place(from), place(to)];
    context.fillStyle = "#e8ecf2";
    context.fillRect(x0, top + 6, Math.max(1, x1 - x0), 1.5);
    if (x1 - x0 > 2 * MARK) check(context, { x: (x0 + x1) / 2, y: top + MARK_TOP - 1 });
  }
}

/** @param {CanvasRenderingContext2D} context @param {Point} at */
function diamond(context, { x, y }) {
  context.beginPath();
  context.moveTo(x, y - 5.5);
  context.lineTo(x + 5, y);
  context.lineTo(x, y + 5.5);
  context.lineTo(x - 5, y);
  context.closePath();
  context.fillStyle = "#fff";
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = "#14171c";
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {Point} at */
function check(context, { x, y }) {
  context.beginPath();
  context.moveTo(x - 3, y + 3.5);
  context.lineTo(x - 0.8, y + 6);
  context.lineTo(x + 3.6, y + 0.8);
  context.lineWidth = 1.7;
  context.strokeStyle = "#e8ecf2";
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {Point} at */
function triangle(context, { x, y }) {
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x + 4, y + 7);
  context.lineTo(x - 4, y + 7);
  context.closePath();
  context.fillStyle = "#ffd34d";
  context.fill();
  context.fillStyle = "#14171c";
  context.fillRect(x - 0.6, y + 2.4, 1.2, 2.4);
}

/**
 * The signs with their words, for the foot of the page and the help: word, bits, how far hypotheses differ.
 * @type {[string, number, number?][]}
 */
const SIGNS = [
  ["click", BIT.prompted | BIT.modal],
  ["modal", BIT.modal],
  ["amodal", BIT.modal | BIT.amodal],
  ["occluded", BIT.modal | BIT.amodal | BIT.occluded],
  ["accepted", BIT.modal | BIT.accepted],
  ["stale", BIT.modal | BIT.amodal | BIT.stale],
  ["check it", BIT.modal | BIT.look],
  ["hypotheses differ", BIT.modal | BIT.amodal, 160],
];

/** @param {number} frame */
const atTwenty = (frame) => 20 * frame;

/** A legend made with the same pen as the timeline. */
export function makeLegend() {
  const legend = Object.assign(document.createElement("span"), { className: "vas-signs" });
  const ratio = window.devicePixelRatio || 1;
  for (const [word, bits, level = 0] of SIGNS) {
    const canvas = Object.assign(document.createElement("canvas"), { width: 20 * ratio, height: ROW_HEIGHT * ratio });
    const context = penOf(canvas);
    context.scale(ratio, ratio);
    const row = { columns: [{ from: 0, to: 1, any: bits, all: bits }], place: atTwenty, top: 0, id: 2 };
    drawRow(context, row);
    if (level) drawDiffer(context, { ...row, levels: Uint8Array.of(level) });
    const item = document.createElement("span");
    item.append(canvas, word);
    legend.append(item);
  }
  return legend;
}
