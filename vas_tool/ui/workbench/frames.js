// Pictures from the server (frames, content, depth) as decoded bitmaps, in a cache with a limit in bytes.
import { Lru } from "./lru.js";
import { GoneError, LostError } from "./api.js";

const CACHE_BYTES = 160e6;
const BYTES_PER_PIXEL = 4;
/** Frames are asked for at one of these widths, so that resizing the window does not fetch everything again. */
const SCREEN_WIDTHS = [640, 960, 1280, 1920, 2560];

/** The smallest offered width that covers `pixels` on the screen; null = the clip's own. */
export function screenWidth(pixels, clipWidth) {
  const width = SCREEN_WIDTHS.find((candidate) => candidate >= pixels);
  return width && width < clipWidth ? width : null;
}

export class Pictures {
  constructor(api) {
    this.api = api;
    this.cache = new Lru(CACHE_BYTES, (bitmap) => bitmap?.close());
    this.serial = 0; // grows with every picture loaded with a version: a drawing made before it may be old
    this.latest = new Map(); // path without its version -> the path last loaded
  }

  /** A bitmap, null when the server has none there, undefined when it is not loaded. */
  get(path) {
    return this.cache.get(path);
  }

  /** The bitmap, or the one of an older version until it is here: a picture must not vanish while it is renewed. */
  getOrOlder(path) {
    const bitmap = this.get(path);
    return bitmap === undefined ? this.get(this.latest.get(path.split("?")[0])) : bitmap;
  }

  async load(path, signal) {
    const bitmap = await this.fetchBitmap(path, signal);
    this.cache.set(path, bitmap, bitmap ? bitmap.width * bitmap.height * BYTES_PER_PIXEL : 1);
    if (path.includes("?v=")) this.serial++;
    this.latest.set(path.split("?")[0], path);
    return bitmap;
  }

  async fetchBitmap(path, signal) {
    let response;
    try {
      response = await fetch(this.api.url(path), { signal });
    } catch (error) {
      throw signal.aborted ? error : new LostError(error.message);
    }
    if (response.status === 404) {
      if (path.startsWith("frames/")) throw new GoneError(`${path.split("?")[0]} is not on the server`);
      return null;
    }
    if (!response.ok) throw new Error(`${path.split("?")[0]} could not be loaded: the server answered ${response.status}`);
    return createImageBitmap(await response.blob());
  }

  clear() {
    this.cache.clear();
    this.latest.clear();
  }
}
