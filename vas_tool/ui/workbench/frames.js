// @ts-check
// Pictures from the server (frames, content, depth) as decoded bitmaps, in a cache with a limit in bytes.
import { Lru } from "./lru.js";
import { GoneError, LostError } from "./api.js";
/** @import { Api } from "./api.js" */

const CACHE_BYTES = 160e6;
const BYTES_PER_PIXEL = 4;
/** Frames are asked for at one of these widths, so that resizing the window does not fetch everything again. */
const SCREEN_WIDTHS = [640, 960, 1280, 1920, 2560];

/**
 * The smallest offered width that covers `pixels` on the screen; null = the clip's own.
 * @param {number} pixels
 * @param {number} clipWidth
 */
export function screenWidth(pixels, clipWidth) {
  const width = SCREEN_WIDTHS.find((candidate) => candidate >= pixels);
  return width && width < clipWidth ? width : null;
}

/** @type {(path: string) => string} a path without its version or width */
const bare = (path) => path.split("?", 1)[0] ?? path;

export class Pictures {
  /** @param {Api} api */
  constructor(api) {
    this.api = api;
    /** @type {Lru<string, ImageBitmap | null>} */
    this.cache = new Lru(CACHE_BYTES, (bitmap) => bitmap?.close());
    this.serial = 0; // grows with every picture loaded with a version: a drawing made before it may be old
    /** @type {Map<string, string>} path without its version -> the path last loaded */
    this.latest = new Map();
  }

  /** A bitmap, null when the server has none there, undefined when it is not loaded. @param {string} path */
  get(path) {
    return this.cache.get(path);
  }

  /**
   * The bitmap, or the one of an older version until it is here: a picture must not vanish while it is renewed.
   * @param {string} path
   */
  getOrOlder(path) {
    const bitmap = this.get(path);
    return bitmap === undefined ? this.get(this.latest.get(bare(path)) ?? "") : bitmap;
  }

  /** @param {string} path @param {AbortSignal} signal */
  async load(path, signal) {
    const bitmap = await this.fetchBitmap(path, signal);
    this.cache.set(path, bitmap, bitmap ? bitmap.width * bitmap.height * BYTES_PER_PIXEL : 1);
    if (path.includes("?v=")) this.serial++;
    this.latest.set(bare(path), path);
    return bitmap;
  }

  /** @param {string} path @param {AbortSignal} signal @returns {Promise<ImageBitmap | null>} */
  async fetchBitmap(path, signal) {
    let response;
    try {
      response = await fetch(this.api.url(path), { signal });
    } catch (error) {
      throw signal.aborted ? error : new LostError(String(error));
    }
    if (response.status === 404) {
      if (path.startsWith("frames/")) throw new GoneError(`${bare(path)} is not on the server`);
      return null;
    }
    if (!response.ok) throw new Error(`${bare(path)} could not be loaded: the server answered ${response.status}`);
    return createImageBitmap(await response.blob());
  }

  clear() {
    this.cache.clear();
    this.latest.clear();
  }
}
