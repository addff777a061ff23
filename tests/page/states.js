// What several tests need: small states as the server sends them, and time that passes when a test says so.
import { mock } from "node:test";

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

const TURNS = 20; // of the event loop: after them all is done that no timer holds up
const STEP_MS = 10;

/** Wait for everything that waits for no timer. */
export async function soon() {
  for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** From here on to the end of the test, timers wait for `pass`: no busy machine can make them late. */
export const stopClock = () => mock.timers.enable({ apis: ["setTimeout"] });

/** Let `ms` pass; what a timer sets off may set another timer meanwhile. */
export async function pass(ms) {
  for (let passed = 0; passed < ms; passed += STEP_MS) {
    await soon();
    mock.timers.tick(STEP_MS);
  }
  await soon();
}
