// Stand-ins for what only browsers have: paths that remember, pictures that keep their pixels.

globalThis.Path2D = class {
  constructor() { this.loops = []; }
  moveTo(x, y) { this.loops.push([[x, y]]); }
  lineTo(x, y) { this.loops.at(-1).push([x, y]); }
  closePath() { this.closed = (this.closed ?? 0) + 1; }
};

globalThis.ImageData = class {
  constructor(width, height) {
    Object.assign(this, { width, height, data: new Uint8ClampedArray(4 * width * height) });
  }
};

globalThis.OffscreenCanvas = class {
  constructor(width, height) { Object.assign(this, { width, height }); }
  getContext() { return { putImageData: (image) => { this.image = image; } }; }
};
