// @ts-check
/** @import { Actions } from "./actions.js" */
/** @import { Store } from "./store.js" */
/** Plays the clip at its own speed: late frames are skipped, never shown late. */
export class Playback {
  /** @param {{store: Store, actions: Actions}} parts */
  constructor({ store, actions }) {
    this.store = store;
    this.actions = actions;
    store.on((kinds) => kinds.has("play") && store.playing && this.start());
  }

  start() {
    const { store } = this;
    const from = store.frame < store.frameCount - 1 ? store.frame : 0;
    /** @type {number | null} */
    let origin = null;
    /** @param {number} now */
    const tick = (now) => {
      if (!store.playing || !store.state) return;
      origin ??= now;
      const wanted = from + Math.floor(((now - origin) / 1000) * (store.project?.fps ?? 0));
      if (wanted > store.frameCount - 1) return this.finish();
      this.actions.go(wanted, { playing: true });
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  finish() {
    this.actions.go(this.store.frameCount - 1, { playing: true });
    this.actions.setPlaying(false);
  }
}
