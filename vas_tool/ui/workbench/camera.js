// @ts-check
/** @import { Point } from "./types.d.ts" */
const MAX_SCALE = 24;
const MARGIN = 8; // css pixels kept free around the picture when it is fitted
const KEEP = 60; // css pixels of the picture that can never be pushed off the stage

/** Where the clip lies on the stage: screen = clip * scale + offset, in css pixels. */
export class Camera {
  constructor() {
    this.view = { width: 1, height: 1 };
    this.area = { left: 0, top: 0, width: 1, height: 1 };
    this.fitted = true;
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.fit();
  }

  /** @param {{left: number, top: number, width: number, height: number}} area  the project's canvas in frame pixels */
  setArea(area) {
    const { left, top, width, height } = this.area;
    const same = left === area.left && top === area.top && width === area.width && height === area.height;
    this.area = area;
    if (!same) this.fit();
  }

  /** @param {number} width @param {number} height */
  setView(width, height) {
    this.view = { width, height };
    if (this.fitted) this.fit();
    else this.keepInSight();
  }

  get fitScale() {
    const { width, height } = this.view;
    const scale = Math.min((width - 2 * MARGIN) / this.area.width, (height - 2 * MARGIN) / this.area.height);
    return Math.max(scale, 0.01);
  }

  fit() {
    this.fitted = true;
    this.scale = this.fitScale;
    this.x = (this.view.width - this.area.width * this.scale) / 2 - this.area.left * this.scale;
    this.y = (this.view.height - this.area.height * this.scale) / 2 - this.area.top * this.scale;
  }

  /** Zoom so that what is at the screen point stays there. @param {Point} point @param {number} factor */
  zoomAt(point, factor) {
    const scale = Math.min(MAX_SCALE, Math.max(this.fitScale / 2, this.scale * factor));
    const ratio = scale / this.scale;
    this.x = point.x - (point.x - this.x) * ratio;
    this.y = point.y - (point.y - this.y) * ratio;
    this.scale = scale;
    this.fitted = false;
    this.keepInSight();
  }

  /** @param {number} factor */
  zoom(factor) {
    this.zoomAt({ x: this.view.width / 2, y: this.view.height / 2 }, factor);
  }

  /** @param {number} dx @param {number} dy */
  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.keepInSight();
  }

  keepInSight() {
    const left = this.area.left * this.scale;
    const top = this.area.top * this.scale;
    /** @type {(value: number, low: number, high: number) => number} */
    const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
    this.x = clamp(this.x, KEEP - this.area.width * this.scale - left, this.view.width - KEEP - left);
    this.y = clamp(this.y, KEEP - this.area.height * this.scale - top, this.view.height - KEEP - top);
  }

  /** @param {Point} point */
  toClip({ x, y }) {
    return { x: (x - this.x) / this.scale, y: (y - this.y) / this.scale };
  }

  /** @param {Point} point */
  toScreen({ x, y }) {
    return { x: x * this.scale + this.x, y: y * this.scale + this.y };
  }
}
