// @ts-check
// The lines that tell: frame counter, hint, running work, what was saved, what went wrong.
import { found, partOf } from "./elements.js";
import { hintFor } from "./hint.js";
/** @import { Job } from "./types.d.ts" */
/** @import { Store } from "./store.js" */

/** @type {Record<Job["kind"], string>} */
const JOB_WORDS = { track: "Tracking", complete: "Completing", again: "Making again:", hypotheses: "Hypotheses of", pick: "Choosing for", find: "Searching", second: "Second opinion on" };
const LABEL_LENGTH = 18;
const JUST_NOW_SECONDS = 2;
const READ_MS = 1500; // a message is not taken away before it can be read
const CALM_MS = 6000; // how long a message that is no error stays
const WAIT_SHOWN_AFTER_MS = 200; // a picture that comes sooner needs no "loading"

/** 75 -> "1 min 15 s". @param {number} seconds */
function durationWords(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A long name must not push the numbers out of the line. @param {string} label */
const shorten = (label) => (label.length > LABEL_LENGTH ? `${label.slice(0, LABEL_LENGTH - 1)}…` : label);

export class StatusLines {
  /** @param {{root: HTMLElement, store: Store}} parts */
  constructor({ root, store }) {
    this.root = root;
    this.store = store;
    this.bar = found(root, '[data-part="job-bar"]', HTMLProgressElement);
    this.passesFrom = Infinity; // when the message that is shown may go
    this.calmTimer = 0;
    this.waitTimer = 0;
    /** @type {string | null} the failure of a job that was told last */
    this.toldJob = null;
    this.clockSkew = 0; // server clock minus ours, seconds: a laptop's clock may be wrong
    this.part("alert-close").onclick = () => this.clearAlert();
    setInterval(() => root.isConnected && this.renderSaved(), 1000);
  }

  /** @param {string} name */
  part(name) {
    return partOf(this.root, name);
  }

  /** @param {string} name */
  test(name) {
    return found(this.root, `[data-testid="${name}"]`, HTMLElement);
  }

  /**
   * Show a message until it is dismissed; a calm one goes by itself, one that `passes` with the next thing that is done.
   * @param {string} text
   * @param {{calm?: boolean, passes?: boolean}} [how]
   */
  say(text, { calm = false, passes = false } = {}) {
    clearTimeout(this.calmTimer);
    this.part("alert").textContent = text.charAt(0).toUpperCase() + text.slice(1);
    this.test("error").hidden = false;
    this.passesFrom = passes ? performance.now() + READ_MS : Infinity;
    this.test("error").classList.toggle("vas-calm", calm);
    if (calm) this.calmTimer = setTimeout(() => this.clearAlert(), CALM_MS);
  }

  /** The person went on: what was wrong with the last thing has been read. */
  passOn() {
    if (performance.now() > this.passesFrom) this.clearAlert();
  }

  get alerts() {
    return !this.test("error").hidden;
  }

  clearAlert() {
    this.passesFrom = Infinity;
    this.test("error").hidden = true;
    this.part("alert").textContent = "";
  }

  /** The connection is gone (text) or back (null). @param {string | null} text */
  lost(text) {
    this.test("lost").hidden = text === null;
    this.test("lost").textContent = text ?? "";
  }

  /** @param {string | null} text */
  empty(text) {
    this.test("empty").hidden = text === null;
    this.part("empty").textContent = text ?? "";
  }

  render() {
    this.renderCounter();
    this.renderHint();
    this.renderJob();
    this.renderSaved();
  }

  renderCounter() {
    const { store } = this;
    this.part("frame").textContent = store.state ? `frame ${store.frame}` : "";
    const [source, seconds] = store.ledger?.[store.frame] ?? [undefined, undefined];
    const words = store.state ? [`/ ${store.frameCount - 1}`] : [];
    if (seconds !== undefined) words.push(`${seconds.toFixed(3)} s`);
    this.part("when").textContent = words.join("  ·  ");
    this.part("source").textContent = seconds === undefined ? "" : `·  source frame ${source}`;
    document.title = store.project ? `${store.project.name} · vas-tool` : "vas-tool";
  }

  renderHint() {
    const { text, notice = false } = hintFor(this.store);
    const line = this.test("status");
    if (line.textContent !== text) line.textContent = line.title = text; // a rewritten line would be read aloud again
    line.classList.toggle("vas-notice", notice);
  }

  renderJob() {
    const job = this.store.state?.job ?? null;
    const box = this.test("job");
    const text = job ? this.jobText(job) : "";
    box.hidden = !text;
    if (!job || !text) return;
    box.classList.toggle("vas-finished", job.finished);
    this.test("cancel").hidden = job.finished;
    this.bar.hidden = job.finished;
    if (job.total) this.bar.value = job.done / job.total;
    else this.bar.removeAttribute("value");
    this.part("job-text").textContent = text;
    box.title = job.finished ? job.warnings.join("\n") : "Cancel keeps the frames that are finished.";
    this.tellJobError(job);
  }

  /** @param {Job} job */
  jobText(job) {
    const what = job.object_id === null ? "all objects" : shorten(this.store.labels.get(job.object_id) ?? "");
    if (!what) return ""; // of an object that was deleted before this page came
    const doing = job.kind === "find" ? JOB_WORDS.find : `${JOB_WORDS[job.kind]} ${what}`;
    const more = job.warnings.map((words) => `; ${words}`).join("");
    if (job.error) return `${doing} stopped after ${job.done} of ${job.total}${more}`;
    if (job.cancelled) return `${doing}: cancelled, ${job.done} of ${job.total} finished and kept${more}`;
    if (job.finished) return `${doing}: done in ${durationWords(job.elapsed_seconds)}${more}`;
    if (job.waiting) return `${doing}: waiting for other work to finish`;
    const left = job.left_seconds === null ? "" : `, about ${durationWords(job.left_seconds)} left`;
    return `${doing}: ${job.what} ${job.done} of ${job.total}${left}`;
  }

  /** A failed job is told once, not at every look at the state. @param {Job} job */
  tellJobError(job) {
    if (!job.finished) this.toldJob = null;
    if (!job.error || this.toldJob === job.error) return;
    this.toldJob = job.error;
    this.say(job.error, { passes: true });
  }

  noteClock() {
    const saved = this.store.state?.saved;
    const now = Date.now() / 1000;
    // A thing cannot have been saved in the future: then the clocks differ by at least that much.
    if (saved) this.clockSkew = Math.max(this.clockSkew, saved.at - now);
  }

  renderSaved() {
    const line = this.test("save-line");
    const { store } = this;
    const saved = store.state?.saved;
    let text = "";
    if (store.waiting && store.state?.waits) text = "waiting for other work to finish";
    else if (store.waiting) text = store.waiting === 1 ? "saving…" : `saving ${store.waiting} things…`;
    else if (saved?.at) {
      const ago = Date.now() / 1000 + this.clockSkew - saved.at;
      const when = ago < JUST_NOW_SECONDS ? "just now" : `${durationWords(ago)} ago`;
      text = `saved ${when}${saved.what ? `: ${saved.what}` : ""}`;
    }
    if (line.textContent !== text) line.textContent = line.title = text;
    line.classList.toggle("vas-saving", store.waiting > 0);
  }

  /** Say so when the wanted frame's picture is slow to come. @param {number} shown */
  renderWait(shown) {
    const { store } = this;
    const waits = Boolean(store.state) && shown !== store.frame;
    const box = this.test("loading");
    if (!waits) {
      clearTimeout(this.waitTimer);
      this.waitTimer = 0;
      box.hidden = true;
    } else if (!this.waitTimer) {
      this.waitTimer = setTimeout(() => {
        box.textContent = `loading frame ${store.frame}…`;
        box.hidden = false;
      }, WAIT_SHOWN_AFTER_MS);
    }
  }
}
