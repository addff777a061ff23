// @ts-check
// Outlines from rows of runs: boundary edges chained into closed loops, so that dashes flow and lines stay crisp at
// any zoom. Coordinates are pixel corners; the object lies to the right of each edge.
/** @import { Edges, Rect, Rows, Runs } from "./types.d.ts" */

/**
 * Flat runs [start, end, …) over rows of `width` -> for each row its [x0, x1, …]. Runs may span rows.
 * @param {Runs} runs
 * @param {number} width
 * @returns {Rows}
 */
export function rowsOf(runs, width) {
  const rows = new Map();
  for (let k = 0; k < runs.length; k += 2) {
    let start = runs[k];
    while (start < runs[k + 1]) {
      const y = Math.floor(start / width);
      const end = Math.min(runs[k + 1], (y + 1) * width);
      const row = rows.get(y);
      if (row) row.push(start - y * width, end - y * width);
      else rows.set(y, [start - y * width, end - y * width]);
      start = end;
    }
  }
  return rows;
}

/**
 * Smallest rectangle around rows, or null when there is nothing.
 * @param {Iterable<[number, number[]]>} rows
 * @returns {Rect | null}
 */
export function boundsOf(rows) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [y, row] of rows) {
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
    left = Math.min(left, row[0]);
    right = Math.max(right, row[row.length - 1]);
  }
  return right > left ? { left, top, right, bottom } : null;
}

/**
 * Call add(x0, x1) for each stretch that is in row `a` and not in row `b`.
 * @param {number[]} a
 * @param {number[]} b
 * @param {(x0: number, x1: number) => void} add
 */
function difference(a, b, add) {
  let j = 0;
  for (let i = 0; i < a.length; i += 2) {
    let x = a[i];
    while (j < b.length && b[j + 1] <= x) j += 2;
    for (let k = j; k < b.length && b[k] < a[i + 1]; k += 2) {
      if (b[k] > x) add(x, b[k]);
      x = Math.max(x, b[k + 1]);
    }
    if (x < a[i + 1]) add(x, a[i + 1]);
  }
}

/** @type {number[]} */
const NO_ROW = [];

/** Rows that are in `a` and not in `b`. @param {Rows} a @param {Rows} b @returns {Rows} */
export function subtractRows(a, b) {
  const rows = new Map();
  for (const [y, row] of a) {
    /** @type {number[]} */
    const rest = [];
    difference(row, b.get(y) ?? NO_ROW, (x0, x1) => rest.push(x0, x1));
    if (rest.length) rows.set(y, rest);
  }
  return rows;
}

/** @param {Rows} rows @param {number} stride @returns {Map<number, number[]>} */
function boundaryEdges(rows, stride) {
  const edges = new Map(); // start corner -> end corners
  /** @type {(from: number, to: number) => void} */
  const add = (from, to) => {
    const known = edges.get(from);
    if (known) known.push(to);
    else edges.set(from, [to]);
  };
  for (const [y, row] of rows) {
    const top = y * stride;
    const bottom = top + stride;
    difference(row, rows.get(y - 1) ?? NO_ROW, (x0, x1) => add(top + x0, top + x1));
    difference(row, rows.get(y + 1) ?? NO_ROW, (x0, x1) => add(bottom + x1, bottom + x0));
    for (let k = 0; k < row.length; k += 2) {
      add(bottom + row[k], top + row[k]);
      add(top + row[k + 1], bottom + row[k + 1]);
    }
  }
  return edges;
}

/**
 * Put one edge on the path. Cutting half a pixel off each end turns pixel stairs into slopes.
 * @param {Path2D} path
 * @param {Edges} edge  x0, y0, x1, y1
 * @param {boolean} first
 */
function lineAlong(path, edge, first) {
  const [x0, y0, x1, y1] = edge;
  const length = Math.abs(x1 - x0) + Math.abs(y1 - y0);
  const dx = Math.sign(x1 - x0) / 2;
  const dy = Math.sign(y1 - y0) / 2;
  if (first) path.moveTo(x0 + dx, y0 + dy);
  else path.lineTo(x0 + dx, y0 + dy);
  if (length > 1) path.lineTo(x1 - dx, y1 - dy);
}

/**
 * The outline of rows as a Path2D in the rows' own pixel coordinates; no row reaches beyond `width`.
 * @param {Rows} rows
 * @param {number} width
 */
export function outline(rows, width) {
  const stride = width + 1; // a row has one corner more than pixels
  const edges = boundaryEdges(rows, stride);
  const path = new Path2D();
  for (const start of edges.keys()) {
    while (edges.get(start)?.length) traceLoop(path, edges, { start, stride });
  }
  return path;
}

/**
 * @param {Path2D} path
 * @param {Map<number, number[]>} edges  start corner -> end corners
 * @param {{start: number, stride: number}} where
 */
function traceLoop(path, edges, { start, stride }) {
  let corner = start;
  let first = true;
  do {
    const next = edges.get(corner)?.pop() ?? start; // every corner that is reached is left again
    /** @type {Edges} */
    const edge = [corner % stride, Math.floor(corner / stride), next % stride, Math.floor(next / stride)];
    lineAlong(path, edge, first);
    first = false;
    corner = next;
  } while (corner !== start);
  path.closePath();
}
