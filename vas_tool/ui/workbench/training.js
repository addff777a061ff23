// @ts-check
// Training on what was accepted: the ways and their costs, the run, and what it gained.
import { found, make, partOf } from "./elements.js";
import { PolledPanel } from "./polled_panel.js";
/** @import { TrainingAnswer, TrainingOffer, TrainingRun } from "./types.d.ts" */
/** @import { Actions } from "./actions.js" */

const ASK_MS = 3000; // between two looks at a run, while the panel is open

/** @type {(part: number) => string} */
const percent = (part) => (100 * part).toFixed(1);
/** @type {(seconds: number) => string} */
const time = (seconds) => (seconds < 90 ? `${Math.round(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`);

/** @extends {PolledPanel<TrainingAnswer>} */
export class TrainingPanel extends PolledPanel {
  /** @param {{root: HTMLElement, actions: Actions}} parts */
  constructor({ root, actions }) {
    super({ box: found(root, '[data-testid="training"]', HTMLDetailsElement), content: partOf(root, "training"), route: "training", everyMs: ASK_MS });
    this.actions = actions;
  }

  /** @override @param {TrainingAnswer} answer */
  fill(answer) {
    const runs = answer.run?.runs ?? false;
    this.content.replaceChildren(...(answer.run ? this.run(answer.run) : []), ...(runs ? [] : answer.offers.map((offer) => this.offer(offer))));
  }

  /** @param {TrainingOffer} offer */
  offer({ method, words, command, cost, why_not: whyNot }) {
    const start = make("button", { type: "button", className: "vas-text", textContent: `Train ${method}`, disabled: Boolean(whyNot), data: { testid: `train-${method}` } });
    start.onclick = () => this.actions.send("train", () => ({ method }), { then: () => this.ask() });
    const why = whyNot ? [make("p", { className: "vas-soft", textContent: whyNot })] : [];
    return make("div", { className: "vas-offer" },
      make("p", { textContent: words }), make("p", { className: "vas-soft", textContent: cost }), ...why, start,
      make("p", {}, "or by hand, with the project closed here: ", make("code", { textContent: command, data: { testid: `train-command-${method}` } })));
  }

  /** @param {TrainingRun} run */
  run({ method, runs, step, steps, seconds_left: left, engine, scores, error }) {
    if (runs) {
      const bar = make("progress", { max: steps, value: step });
      bar.setAttribute("aria-label", "training");
      const stop = make("button", { type: "button", className: "vas-text", textContent: "Stop", title: "The last checkpoint is kept.", data: { testid: "stop-training" } });
      stop.onclick = () => this.actions.send("stop_training", () => ({}), { then: () => this.ask() });
      const words = step ? `step ${step} of ${steps}${left === null ? "" : `, ${time(left)} left`}` : "reading what was accepted";
      return [make("p", { className: "vas-getting", data: { testid: "training-run" } }, bar, make("span", { textContent: `${method}: ${words}` }), stop)];
    }
    if (error) return [make("p", { className: "vas-offer-error", textContent: `${method}: ${error}`, data: { testid: "training-run" } })];
    return [make("p", { textContent: `${method}: done. Choose ${engine || "the result"} under Engines.`, data: { testid: "training-run" } }), this.table(scores)];
  }

  /** @param {TrainingRun["scores"]} scores */
  table(scores) {
    if (!scores.length) return make("p", { className: "vas-soft", textContent: "Everything accepted is of one video, so nothing was held out to measure on." });
    /** @type {(tag: "th" | "td", cells: string[]) => HTMLTableRowElement} */
    const row = (tag, cells) => make("tr", {}, ...cells.map((cell) => make(tag, { textContent: cell })));
    const rows = scores.map(([name, frames, before, after]) => row("td", [name, frames ? String(frames) : "", percent(before), percent(after)]));
    return make("table", { data: { testid: "training-scores" } },
      make("caption", { textContent: "IoU of the hidden part on what was held out, percent" }), row("th", ["held out", "frames", "before", "after"]), ...rows);
  }
}
