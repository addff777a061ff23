// One project's line to the server: hears of the state whenever it changes, and says so when nobody speaks any more.
import { Api, GoneError, LostError } from "./api.js";
import { plural } from "./hint.js";
import { keep } from "./kept.js";

const LOST_MS = [1000, 1500, 2500, 4000, 6000]; // a server that is down is asked less and less often
const BROKEN_MS = 1000; // after an answer that is none
const AGAIN_MS = 200; // after a stream that has ended: the server may be there all the same
const QUIET_MS = 20000; // a server that is there says something every five seconds
const RELOAD_AFTER_MS = 400; // long enough to read why
const RELOAD_MARK = "vas-reloaded"; // sessionStorage: the page was reloaded because its session was gone

export class Connection {
  /**
   * @param {{root, store, status, onState: (first: boolean) => void, onLine: (isThere: boolean) => void}} parts
   *   onState is told of each newer state, onLine when the line is lost and when it is back
   */
  constructor({ root, store, status, onState, onLine }) {
    Object.assign(this, { root, store, status, onState, onLine, api: null, timer: 0, quiet: 0, stream: null, spoke: false });
    window.addEventListener("pagehide", () => this.api?.isLost && keep({ store, queue: this.api.queue }));
    document.addEventListener("visibilitychange", () => !document.hidden && this.api?.isLost && this.listenIn(0));
  }

  /** Open a line; returns its Api. */
  open(address) {
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

  /** What the Api reports back; nothing of a project that is no longer open. */
  answersOf(isCurrent) {
    const guarded = (act) => (...values) => isCurrent() && act(...values);
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
    this.store.waiting = this.api.waiting;
    if (this.api.isLost) this.tellLost(this.store.waiting);
    this.status.renderSaved();
  }

  takeState(state, order) {
    const first = this.store.state === null;
    if (!this.store.apply(state, order)) return;
    if (first) sessionStorage.removeItem(RELOAD_MARK);
    this.status.noteClock();
    this.onState(first);
  }

  tellLost(waiting) {
    const kept = waiting ? ` ${plural(waiting, "change")} ${waiting === 1 ? "waits" : "wait"} here and will be sent when it is back.` : "";
    this.status.lost(`Connection lost. Trying again…${kept}`);
  }

  lineLost(waiting) {
    this.tellLost(waiting);
    this.listenIn(LOST_MS[Math.min(this.api.misses, LOST_MS.length) - 1]);
    if (this.api.misses === 1) this.onLine(false);
  }

  lineBack() {
    this.status.lost(null);
    if (!this.stream) this.listenIn(0);
    this.onLine(true);
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
    keep({ store: this.store, queue: this.api.queue });
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

  /** Listen after `ms`, in place of what is listened to now. */
  listenIn(ms) {
    this.stopListening();
    if (this.api) this.timer = setTimeout(() => this.listen(this.api), ms);
  }

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

  /** From now on the server may be silent for a while, not longer. */
  waitForWord(stream) {
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => stream === this.stream && this.failed(new LostError("nothing was heard")), QUIET_MS);
  }

  failed(error) {
    const { spoke } = this;
    this.stopListening();
    if (error instanceof GoneError) return this.gone();
    if (error instanceof LostError) return spoke ? this.listenIn(AGAIN_MS) : this.api.missed();
    this.status.say(error.message);
    return this.listenIn(BROKEN_MS);
  }

  /** A picture or mask did not come. */
  loadFailed(error) {
    if (!this.api) return undefined;
    if (error instanceof LostError) return this.api.isLost || this.api.missed(); // several fail at once: one miss
    this.status.say(error.message);
    if (error instanceof GoneError) this.listenIn(0); // tells whether it is this picture or the whole session
    return undefined;
  }
}
