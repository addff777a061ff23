// @ts-check
// What the server tells of the frame that is looked at: asked for when it is shown, kept while it holds.
import { Lru } from "./lru.js";
/** @import { Api } from "./api.js" */
/** @import { Store } from "./store.js" */

const FRAMES_KEPT = 48;
const AGAIN_MS = 1500; // after an answer that did not come

/** @template Known */
export class PerFrame {
  /**
   * @param {object} how
   * @param {Store} how.store
   * @param {(answer: any) => Known} how.read  what is kept of an answer
   * @param {() => void} how.onLoaded
   */
  constructor({ store, read, onLoaded }) {
    this.store = store;
    this.read = read;
    this.onLoaded = onLoaded;
    /** @type {Api | null} */
    this.api = null;
    this.serial = 0; // grows with every answer: a drawing made before it may be old
    /** @type {Lru<string, Known>} */
    this.kept = new Lru(FRAMES_KEPT);
    /** @type {{path: string, known: Known} | null} what was looked at last */
    this.last = null;
    /** @type {{key: string, control: AbortController} | null} */
    this.running = null;
    this.restUntil = 0;
  }

  clear() {
    this.kept.clear();
    this.last = null;
    this.running?.control.abort();
    this.running = null;
  }

  /** What a path tells now; until that is here, what it told of an earlier state; or null. @param {string} path */
  get(path) {
    const key = `${path}/${this.store.version}`;
    const known = this.kept.get(key);
    if (known === undefined) this.load(path, key);
    else this.last = { path, known };
    return this.last?.path === path ? this.last.known : null;
  }

  /** @param {string} path @param {string} key */
  async load(path, key) {
    const { api } = this;
    if (!this.store.project || !api || api.isLost || this.running?.key === key || performance.now() < this.restUntil) return;
    this.running?.control.abort();
    const running = { key, control: new AbortController() };
    this.running = running;
    try {
      const answer = await api.getJson(path, running.control.signal);
      if (!this.store.project) return;
      this.kept.set(key, this.read(answer), 1);
      this.serial++;
      this.onLoaded();
    } catch {
      if (!running.control.signal.aborted) this.restUntil = performance.now() + AGAIN_MS;
    } finally {
      if (this.running === running) this.running = null;
    }
  }
}
