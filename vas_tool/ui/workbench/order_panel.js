// @ts-check
// The objects of a frame from front to back: a list to drag, what was said of it, and what contradicts what.
import { cssOf } from "./colours.js";
import { found, make, partOf } from "./elements.js";
import { pairsOfMove } from "./order_actions.js";
/** @import { OrderAnswer, OrderScope } from "./types.d.ts" */
/** @import { Actions } from "./actions.js" */
/** @import { PerFrame } from "./per_frame.js" */
/** @import { Store } from "./store.js" */

export class OrderPanel {
  /** @param {{root: HTMLElement, store: Store, actions: Actions, orders: PerFrame<OrderAnswer>}} parts */
  constructor({ root, store, actions, orders }) {
    this.root = root;
    this.store = store;
    this.actions = actions;
    this.orders = orders;
    this.made = "";
    /** @type {{id: number, from: number, to: number} | null} the row that is being dragged */
    this.drag = null;
    this.list = partOf(root, "order-list");
    this.box = found(root, '[data-part="order"]', HTMLDetailsElement);
    this.box.addEventListener("toggle", () => this.render());
    this.scope = found(root, '[data-part="order-scope"]', HTMLSelectElement);
    this.scope.onchange = () => (actions.order.scope = /** @type {OrderScope} */ (this.scope.value));
    this.list.addEventListener("pointermove", (event) => this.moved(event));
    this.list.addEventListener("pointerup", () => this.drop());
    this.list.addEventListener("pointercancel", () => this.let());
  }

  /** There with two objects or more; nothing is asked while it is folded, or while the clip plays. */
  render() {
    const { store, box } = this;
    box.hidden = (store.state?.objects.length ?? 0) < 2;
    if (store.tool === "order") box.open = true;
    if (box.hidden || !box.open || store.playing || this.drag) return;
    const order = this.orders.get(`order/${store.frame}`);
    const key = JSON.stringify([order, store.frame, store.chosen.id, store.state?.in_front, [...store.labels]]);
    if (key === this.made || order?.frame !== store.frame) return;
    this.made = key;
    this.list.replaceChildren(...order.ids.map((id, place) => this.row(id, { place, order })));
    partOf(this.root, "order-none").hidden = order.ids.length > 1;
    partOf(this.root, "order-said").replaceChildren(...this.wordsHere().map((word) => this.word(word)));
    partOf(this.root, "order-problems").replaceChildren(...order.problems.map((text) => make("li", { textContent: `⚠ ${text}` })));
  }

  /** @param {number} id */
  name(id) {
    return this.store.labels.get(id) ?? `object ${id}`;
  }

  /** @param {number} id */
  chip(id) {
    const chip = make("span", { className: "vas-chip", textContent: String(id) });
    chip.style.background = cssOf(id);
    return chip;
  }

  /** @param {number} id @param {{place: number, order: OrderAnswer}} where */
  row(id, { place, order }) {
    const words = make("span", { className: "vas-words" }, make("span", { className: "vas-name", textContent: this.name(id) }), make("small", { textContent: this.reason(id, order) }));
    const title = "Drag it to the front or to the back";
    const row = make("li", { title, className: id === this.store.chosen.id ? "vas-chosen" : "", data: { testid: `order-${id}` } }, this.chip(id), words);
    row.addEventListener("pointerdown", (event) => this.take(event, { id, from: place, to: place }));
    return row;
  }

  /** How its place is known. @param {number} id @param {OrderAnswer} order */
  reason(id, { links, nearness }) {
    const own = links.filter(([front]) => front === id);
    const parts = own.map(([, behind, source]) => `${source === "said" ? "said to be in front of" : "seen in front of"} ${this.name(behind)}`);
    if (nearness[id] !== undefined) parts.push(`depth ${nearness[id].toFixed(2)}`);
    return parts.join(" · ");
  }

  /** @param {PointerEvent} event @param {{id: number, from: number, to: number}} drag */
  take(event, drag) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.actions.choose({ id: drag.id });
    this.list.setPointerCapture(event.pointerId);
    this.drag = drag;
  }

  /** @param {PointerEvent} event */
  moved(event) {
    if (!this.drag) return;
    const rows = [...this.list.children];
    const middles = rows.map((row) => row.getBoundingClientRect()).map(({ top, height }) => top + height / 2);
    const { from } = this.drag;
    this.drag.to = middles.filter((middle, place) => place !== from && middle < event.clientY).length;
    for (const [place, row] of rows.entries()) {
      row.classList.toggle("vas-dragged", place === from);
      row.classList.toggle("vas-drop-above", this.drag.to < from && place === this.drag.to);
      row.classList.toggle("vas-drop-below", this.drag.to > from && place === this.drag.to);
    }
  }

  drop() {
    const { drag } = this;
    const ids = this.orders.get(`order/${this.store.frame}`)?.ids ?? [];
    this.let();
    if (drag && drag.to !== drag.from && ids[drag.from] === drag.id) this.actions.order.say(pairsOfMove(ids, drag.from, drag.to));
  }

  let() {
    this.drag = null;
    this.made = "";
    this.render();
  }

  /** What is said of this frame. */
  wordsHere() {
    const { state, frame } = this.store;
    return (state?.in_front ?? []).filter(([, , first, last]) => first <= frame && frame <= last);
  }

  /** @param {[number, number, number, number]} word */
  word([front, behind, first, last]) {
    const text = `${this.name(front)} in front of ${this.name(behind)}, ${first === last ? `frame ${first}` : `frames ${first} to ${last}`}`;
    /** @type {(sign: string, title: string, act: () => void) => HTMLButtonElement} */
    const button = (sign, title, act) => {
      const node = make("button", { type: "button", textContent: sign, title, onclick: act });
      node.setAttribute("aria-label", title);
      return node;
    };
    return make("li", { data: { testid: `said-${front}-${behind}` } }, make("span", { textContent: text }),
      button("⇄", `The other way round: ${this.name(behind)} in front`, () => this.actions.order.say([[behind, front]], { first, last })),
      button("×", "Take it back, on the frames chosen below", () => this.actions.order.takeBack([front, behind], { first, last })));
  }
}
