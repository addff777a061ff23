// @ts-check
// Blind second looks: accepted frames are asked again in a copy without the old answers, and the answers are compared.
import { found, make, partOf } from "./elements.js";
import { PolledPanel } from "./polled_panel.js";
/** @import { SecondLook, SecondLooksAnswer } from "./types.d.ts" */
/** @import { Actions } from "./actions.js" */

const ASK_MS = 1500; // between two looks at a copy that is being made, while the panel is open

/** @extends {PolledPanel<SecondLooksAnswer>} */
export class SecondLookPanel extends PolledPanel {
  /** @param {{root: HTMLElement, actions: Actions}} parts */
  constructor({ root, actions }) {
    super({ box: found(root, '[data-testid="second-look"]', HTMLDetailsElement), content: partOf(root, "second-looks"), route: "second-looks", everyMs: ASK_MS });
    this.actions = actions;
    this.share = found(root, '[data-testid="recheck-share"]', HTMLInputElement);
    this.annotator = found(root, '[data-testid="recheck-annotator"]', HTMLInputElement);
    this.button = found(root, '[data-testid="recheck-ask"]', HTMLButtonElement);
    const given = () => ({ share: Number(this.share.value) / 100, annotator: this.annotator.value });
    this.button.onclick = () => this.actions.send("ask_again", given, { then: () => this.ask() });
  }

  /** @override @param {SecondLooksAnswer} answer */
  fill(answer) {
    this.button.disabled = Boolean(answer.asking);
    this.content.replaceChildren(...this.running(answer), ...this.table(answer.looks));
  }

  /** @param {SecondLooksAnswer} answer */
  running({ asking, error }) {
    if (error) return [make("p", { className: "vas-offer-error", textContent: error, data: { testid: "recheck-error" } })];
    if (!asking) return [];
    const bar = make("progress", { max: asking[1] || 1, value: asking[0] });
    bar.setAttribute("aria-label", "copying the clip");
    return [make("p", { className: "vas-getting" }, bar, make("span", { textContent: "copying the clip without the answers" }))];
  }

  /** @param {SecondLook[]} looks */
  table(looks) {
    if (!looks.length) return [];
    /** @type {(tag: "th" | "td", cells: (Node | string)[]) => HTMLTableRowElement} */
    const row = (tag, cells) => make("tr", {}, ...cells.map((cell) => make(tag, {}, cell)));
    const rows = looks.map(({ annotator, project, asked, answered, hidden_iou: iou }) =>
      row("td", [this.link(annotator, project), `${answered} of ${asked}`, iou === null ? "" : (100 * iou).toFixed(1)]));
    const compare = make("button", { type: "button", className: "vas-text", textContent: "Compare the answers", data: { testid: "recheck-compare" } });
    compare.onclick = () => this.actions.send("compare_answers", () => ({}), { then: () => this.ask() });
    return [
      make("table", { data: { testid: "recheck-table" } },
        make("caption", { textContent: "IoU of the hidden parts of both answers, percent" }), row("th", ["annotator", "answered", "IoU"]), ...rows),
      compare,
    ];
  }

  /** A link that opens a project in a new tab. @param {string} text @param {string} project */
  link(text, project) {
    const there = new URL(location.href);
    there.searchParams.set("project", project);
    return make("a", { href: there.href, target: "_blank", rel: "noopener", title: `opens ${project} in a new tab`, textContent: text });
  }
}
