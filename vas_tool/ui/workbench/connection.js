// @ts-check
// One project's line to the server: hears of the state whenever it changes, and says so when nobody speaks any more.
import { Api, GoneError, LostError } from "./api.js";
import { plural } from "./hint.js";
import { keep } from "./kept.js";
/** @import { Address, Listener, State } from "./types.d.ts" */
/** @import { StatusLines } from "./status.js" */
/** @import { Store } from "./store.js" */

const LOST_MS = [1000, 1500, 2500, 4000, 6000]; // a server that is down is asked less and less often
const BROKEN_MS = 1000; // after an answer that is none
const AGAIN_MS = 200; // after a stream that has ended: the server may be there all the same
const QUIET_MS = 20000; // a server that is there says something every five seconds
const RELOAD_AFTER_MS = 400; // long enough to read why
const RELOAD_MARK = "vas-reloaded"; // sessionStorage: the page was reloaded because its session was gone

export class Connection {
  /**
   * @param {object} parts
   * @param {HTMLElement} parts.root
   * @param {Store} parts.store
   * @param {StatusLines} parts.status
   * @param {(first: boolean) => void} parts.onState  told of each newer state
   * @param {() => void} parts.onLine  told when the line is lost and when it is back
   */
  constructor({ root, store, status, onState, onLine }) {
    this.root = root;
    this.store = store;
    this.status = status;
    this.onState = onState;
    this.onLine = onLine;
    /** @type {Api | null} */
    this.api = null;
    /** @type {AbortController | null} what ends the stream that is listened to */
    this.stream = null;
    this.spoke = false; // has that stream said anything?
    this.timer = 0;
    this.quiet = 0;
    window.addEventListener("pagehide", () => this.api?.isLost && keep({ store, queue: this.api.queue }));
    document.addEventListener("visibilitychange", () => !document.hidden && this.api?.isLost && this.listenIn(0));
  }

  /** Open a line; returns its Api. @param {Address} address */
  open(address) {
    /** @type {Api} */
    const api = new Api(address, this.answersOf(() => this.api === api));
    this.api = api;
    this.listenIn(0);
    return api;
  }

  close() {
    this.stopListening();
    this.api?.close();
    this.api = null;
    this.status.lost(null);
  }

  /**
   * What the Api reports back; nothing of a project that is no longer open.
   * @param {() => boolean} isCurrent
   * @returns {Listener}
   */
  answersOf(isCurrent) {
    /** @type {<Values extends unknown[]>(act: (...values: Values) => void) => (...values: Values) => void} */
    const guarded = (act) => (...values) => void (isCurrent() && act(...values));
    return {
      since: () => this.store.version,
      state: guarded((state, order) => this.takeState(state, order)),
      trouble: guarded((words) => this.status.say(words)),
      lost: guarded((waiting) => this.lineLost(waiting)),
      back: guarded(() => this.lineBack()),
      gone: guarded(() => this.gone()),
      queue: guarded(() => this.queueChanged()),
    };
  }

  queueChanged() {
    if (!this.api) return;
    this.store.setWaiting(this.api.waiting);
    if (this.api.isLost) this.tellLost(this.store.waiting);
    this.status.renderSaved();
  }

  /** @param {State} state @param {number} order */
  takeState(state, order) {
    const first = this.store.state === null;
    if (!this.store.apply(state, order)) return;
    if (first) sessionStorage.removeItem(RELOAD_MARK);
    this.status.noteClock();
    this.onState(first);
  }

  /** @param {number} waiting */
  tellLost(waiting) {
    const kept = waiting ? ` ${plural(waiting, "change")} ${waiting === 1 ? "waits" : "wait"} here and will be sent when it is back.` : "";
    this.status.lost(`Connection lost. Trying again…${kept}`);
  }

  /** @param {number} waiting */
  lineLost(waiting) {
    this.tellLost(waiting);
    const misses = this.api?.misses ?? 1;
    this.listenIn(LOST_MS[Math.min(misses, LOST_MS.length) - 1]);
    if (misses === 1) this.onLine();
  }

  lineBack() {
    this.status.lost(null);
    if (!this.stream) this.listenIn(0);
    this.onLine();
  }

  /** The server no longer knows this session: reload once, which opens the same project again. */
  gone() {
    if (sessionStorage.getItem(RELOAD_MARK)) {
      this.close();
      this.status.empty("Open the project again above.");
      this.status.say("The server was restarted and does not know this project any more: open it again above.");
      return;
    }
    sessionStorage.setItem(RELOAD_MARK, "yes");
    if (this.api) keep({ store: this.store, queue: this.api.queue });
    this.close();
    this.status.say("The server was restarted. Reloading the page…", { calm: true });
    setTimeout(() => location.reload(), RELOAD_AFTER_MS);
  }

  stopListening() {
    clearTimeout(this.timer);
    clearTimeout(this.quiet);
    this.stream?.abort();
    this.stream = null;
  }

  /** Listen after `ms`, in place of what is listened to now. @param {number} ms */
  listenIn(ms) {
    this.stopListening();
    const { api } = this;
    if (api) this.timer = setTimeout(() => this.listen(api), ms);
  }

  /** @param {Api} api */
  async listen(api) {
    if (api !== this.api || !this.root.isConnected) return;
    const stream = new AbortController();
    this.stream = stream;
    this.spoke = false;
    this.waitForWord(stream);
    try {
      await api.listen(stream.signal, () => {
        this.spoke = true;
        this.waitForWord(stream);
      });
    } catch (error) {
      if (stream === this.stream && api === this.api) this.failed(error);
    }
  }

  /** From now on the server may be silent for a while, not longer. @param {AbortController} stream */
  waitForWord(stream) {
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => stream === this.stream && this.failed(new LostError("no event came")), QUIET_MS);
  }

  /** @param {unknown} error */
  failed(error) {
    const { spoke } = this;
    this.stopListening();
    if (error instanceof GoneError) return this.gone();
    if (error instanceof LostError) return spoke ? this.listenIn(AGAIN_MS) : this.api?.missed();
    this.status.say(String(error instanceof Error ? error.message : error));
    return this.listenIn(BROKEN_MS);
  }

  /** A picture or mask did not come. @param {unknown} error */
  loadFailed(error) {
    if (!this.api) return;
    if (error instanceof LostError) {
      if (!this.api.isLost) this.api.missed(); // several fail at once: one miss
      return;
    }
    this.status.say(error instanceof Error ? error.message : String(error));
    if (error instanceof GoneError) this.listenIn(0); // tells whether it is this picture or the whole session
  }
}
