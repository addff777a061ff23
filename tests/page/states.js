// What several tests need: small states as the server sends them.

/** A state of a clip of four frames; `more` takes the place of what it names. */
export const stateOf = (more = {}) => ({
  version: 1, changed: null, ledger: [[0, 0], [3, 0.125], [6, 0.25], [9, 0.375]], place: {}, objects: [], in_front: [], scene: { order: [], layers: [] }, undo: null, redo: null,
  saved: { what: "opened", at: 0 }, depth: [], refining: false, waits: false, job: null, engines: [], ...more,
  project: {
    name: "clip", path: "/clip", frame_count: 4, fps: 8, size_wh: [64, 48], notes: [], source: "clip.mp4", model_wh: null,
    canvas: { left: 0, top: 0, right: 0, bottom: 0, size_wh: [64, 48] },
    crop: { margin: 0.25, keep_aspect: true, span: false, compare: false }, gate: false, ...more.project,
  },
});

export const thingOf = (id, more = {}) => ({
  id, label: `object ${id}`, clicks: [], boxes: [], strokes: [], amodal_boxes: [], templates: [], agreement: {}, work_seconds: 0,
  frames: "00000000", needs_work: [], gains: {}, others: {}, differ: "", nothing_in_front: {}, returns: [], picks: [], ...more,
});

export const soon = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));
