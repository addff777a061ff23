// One project's line to the server: asks for the state as often as is useful, and says so when nobody answers.
import { Api, GoneError, LostError } from "./api.js";
import { plural } from "./hint.js";

const POLL_MS = { refining: 100, job: 250, answer: 700, lost: 1000, idle: 4000 };
const REST = 4; // times as long as the last answer took
const RELOAD_AFTER_MS = 800; // long enough to read why
const RELOAD_MARK = "vas-reloaded"; // sessionStorage: the page was reloaded because its session was gone

export class Connection {
  /** @param {{root, store, status, onState: (first: boolean) => void}} parts  onState is told of each newer state */
  constructor({ root, store, status, onState }) {
    Object.assign(this, { root, store, status, onState, api: null, answeredIn: 0 });
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
      lost: guarded((waiting) => this.sayLost(waiting)),
      back: guarded(() => this.status.lost(null)),
      gone: guarded(() => this.gone()),
      queue: guarded(() => this.queueChanged()),
    };
  }

  queueChanged() {
    const before = this.store.waiting;
    this.store.waiting = this.api.waiting;
    if (this.store.waiting && !before) this.pollSoon(); // what the answer waits for is told meanwhile
    this.status.renderSaved();
  }

  takeState(state, order) {
    const first = this.store.state === null;
    if (!this.store.apply(state, order)) return;
    if (first) this.afterReload();
    this.status.noteClock();
    this.onState(first);
  }

  sayLost(waiting) {
    const kept = waiting ? ` ${waiting === 1 ? "One change waits" : `${waiting} changes wait`} and will be sent.` : "";
    this.status.lost(`Connection lost. Trying again…${kept}`);
    this.pollIn(POLL_MS.lost);
  }

  /** The server no longer knows this session: reload once, which opens the same project again. */
  gone() {
    if (sessionStorage.getItem(RELOAD_MARK)) {
      this.close();
      this.status.empty("Open the project again above.");
      this.status.say("The server was restarted and does not know this project any more: open it again above.");
      return;
    }
    sessionStorage.setItem(RELOAD_MARK, String(this.api.waiting));
    this.close();
    this.status.say("The server was restarted. Reloading the page…", { calm: true });
    setTimeout(() => location.reload(), RELOAD_AFTER_MS);
  }

  /** Say what the reload has cost: changes that were never confirmed. */
  afterReload() {
    const unsaved = Number(sessionStorage.getItem(RELOAD_MARK) ?? 0);
    sessionStorage.removeItem(RELOAD_MARK);
    if (unsaved) this.status.say(`The server was restarted before it saved ${plural(unsaved, "change")}: make it again, please.`);
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
    return this.pollIn(POLL_MS.lost);
  }

  /** A picture or mask did not come. */
  loadFailed(error) {
    if (!this.api) return undefined;
    if (error instanceof LostError) return this.api.missed();
    this.status.say(error.message);
    if (error instanceof GoneError) this.pollIn(0); // the state tells whether it is this picture or the whole session
    return undefined;
  }
}
