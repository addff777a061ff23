// One project's line to the server: asks for the state as often as is useful, and says so when nobody answers.
import { Api, GoneError, LostError } from "./api.js";
import { plural } from "./hint.js";
import { keep } from "./kept.js";

const POLL_MS = { refining: 100, job: 250, answer: 700, broken: 1000, idle: 4000 };
const LOST_MS = [1000, 1500, 2500, 4000, 6000]; // a server that is down is asked less and less often
const REST = 4; // times as long as the last answer took
const RELOAD_AFTER_MS = 400; // long enough to read why
const RELOAD_MARK = "vas-reloaded"; // sessionStorage: the page was reloaded because its session was gone

export class Connection {
  /**
   * @param {{root, store, status, onState: (first: boolean) => void, onLine: (isThere: boolean) => void}} parts
   *   onState is told of each newer state, onLine when the line is lost and when it is back
   */
  constructor({ root, store, status, onState, onLine }) {
    Object.assign(this, { root, store, status, onState, onLine, api: null, answeredIn: 0 });
    window.addEventListener("pagehide", () => this.api?.isLost && keep({ store, queue: this.api.queue }));
    document.addEventListener("visibilitychange", () => !document.hidden && this.pollIn(0));
  }

  /** Open a line; returns its Api. */
  open(address) {
    const api = new Api(address, this.answersOf(() => this.api === api));
    this.api = api;
    this.pollIn(0);
    return api;
  }

  close() {
    clearTimeout(this.timer);
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
      lost: guarded((waiting) => this.lineLost(waiting)),
      back: guarded(() => this.lineBack()),
      gone: guarded(() => this.gone()),
      queue: guarded(() => this.queueChanged()),
    };
  }

  queueChanged() {
    const before = this.store.waiting;
    this.store.waiting = this.api.waiting;
    if (this.store.waiting && !before) this.pollSoon(); // what the answer waits for is told meanwhile
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
    this.pollIn(LOST_MS[Math.min(this.api.misses, LOST_MS.length) - 1]);
    if (this.api.misses === 1) this.onLine(false);
  }

  lineBack() {
    this.status.lost(null);
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

  /** Ask again after `ms`; replaces an earlier appointment. */
  pollIn(ms) {
    clearTimeout(this.timer);
    if (this.api) this.timer = setTimeout(() => this.poll(this.api), ms);
  }

  /** Ask again as soon as the state says there is something to wait for. */
  pollSoon() {
    this.pollIn(this.pause);
  }

  get pause() {
    const { state, jobRuns, waiting } = this.store;
    if (!state?.refining && !jobRuns) return waiting ? POLL_MS.answer : POLL_MS.idle;
    const wanted = state.refining ? POLL_MS.refining : POLL_MS.job;
    return Math.max(wanted, this.answeredIn * REST); // a long clip's state costs the server time that the work needs
  }

  async poll(api) {
    if (api !== this.api || !this.root.isConnected) return;
    const asked = performance.now();
    try {
      await api.state();
      this.answeredIn = performance.now() - asked;
    } catch (error) {
      if (api === this.api) this.failed(error);
      return;
    }
    if (api === this.api) this.pollSoon();
  }

  failed(error) {
    if (error instanceof GoneError) return this.gone();
    if (error instanceof LostError) return this.api.missed();
    this.status.say(error.message);
    return this.pollIn(POLL_MS.broken);
  }

  /** A picture or mask did not come. */
  loadFailed(error) {
    if (!this.api) return undefined;
    if (error instanceof LostError) return this.api.isLost || this.api.missed(); // several fail at once: one miss
    this.status.say(error.message);
    if (error instanceof GoneError) this.pollIn(0); // the state tells whether it is this picture or the whole session
    return undefined;
  }
}
