// What a person does with amodal boxes.

export class BoxActions {
  constructor(actions) {
    this.actions = actions;
  }

  /** A keyframe of the chosen object. */
  put(frame, box) {
    const handle = this.actions.store.chosen;
    const pending = { kind: "amodal_box", frame, handle, ...box };
    this.actions.send("amodal_box", () => ({ frame, ...box, object: handle.id }), { pending, handle });
  }

  remove(frame) {
    const handle = this.actions.store.chosen;
    const pending = { kind: "unamodal_box", frame, handle };
    this.actions.send("remove_amodal_box", () => ({ object: handle.id, frame }), { pending, handle });
  }

  /** No box from this frame on; where that is said already, take it back. */
  end(frame, isEnd) {
    if (isEnd) return this.remove(frame);
    const handle = this.actions.store.chosen;
    return this.actions.send("end_amodal_box", () => ({ object: handle.id, frame }), { pending: { kind: "no_amodal_box", frame, handle }, handle });
  }

  /** How boxes become crops: any of {margin, keep_aspect, span, compare}. */
  crop(change) {
    this.actions.send("crop", () => change);
  }
}
