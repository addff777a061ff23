// What the server sends and the page's parts pass to each other. Only the checker reads this file (npx tsc).
// tests/test_page_types.py holds the first part to the server: its real answers must satisfy these types, key by key.

import type { Actions } from "./actions.js";
import type { Api } from "./api.js";
import type { Camera } from "./camera.js";
import type { Hypotheses } from "./hypotheses.js";
import type { Masks } from "./masks.js";
import type { StatusLines } from "./status.js";
import type { Store } from "./store.js";
import type { Tools } from "./tools.js";
import type { Tray } from "./tray.js";
import type { View } from "./view.js";

// --- What the server sends -------------------------------------------------------------------------------------------

/** [width, height] in pixels. */
export type Size = [number, number];
/** Row-major runs of a mask: [start, end, start, end, ...), end exclusive. */
export type Runs = number[];
export type Stage = "segment" | "depth" | "amodal" | "content";
export type MaskLayer = "modal" | "amodal";

/** An event of the stream `events`. */
export type StreamEvent = { state: State; error?: undefined } | { error: string; state?: undefined };

/** Everything but pictures (views.state_view). */
export interface State {
  /** Grows with every change. */
  version: number;
  /** The frames whose pictures changed since the version that was asked with; null: any may have. */
  changed: number[] | null;
  project: Project;
  /** [frame number in the source video, seconds] of each frame; null when it was told before. */
  ledger: [number, number][] | null;
  place: Partial<Place>;
  objects: ObjectView[];
  /** [front, behind, first frame, last frame]: what a person said of who is in front of whom. */
  in_front: [number, number, number, number][];
  scene: SceneView;
  /** What undo and redo would take back or do again; null: nothing. */
  undo: string | null;
  redo: string | null;
  saved: { what: string; at: number };
  /** [first, last] of each stretch of frames that have depth. */
  depth: [number, number][];
  refining: boolean;
  waits: boolean;
  job: Job | null;
  engines: EngineView[];
}

export interface Project {
  name: string;
  path: string;
  frame_count: number;
  fps: number;
  size_wh: Size;
  canvas: Canvas;
  crop: CropRule;
  /** Whether frames on which nothing can hide the object are completed by what is seen. */
  gate: boolean;
  /** What the amodal stage's model sees; null: pictures of any size. */
  model_wh: Size | null;
  notes: string[];
  source: string;
}

/** The frame plus padding on each side, in clip pixels. */
export interface Canvas {
  left: number;
  top: number;
  right: number;
  bottom: number;
  size_wh: Size;
}

/** The scene: what becomes of objects. Those that are absent stay as they are. */
export interface SceneView {
  /** Object ids from front to back; the others stay behind them. */
  order: number[];
  layers: SceneLayer[];
}

export interface SceneLayer {
  object_id: number;
  /** Clip pixels. */
  dx: number;
  dy: number;
  scale: number;
  hidden: boolean;
  /** The frame whose picture it has on every frame; null: each frame's own. */
  freeze: number | null;
}

export interface CropRule {
  /** Of the box's size, on each side. */
  margin: number;
  keep_aspect: boolean;
  span: boolean;
  compare: boolean;
}

/** Where the person is: kept over reloads. */
export interface Place {
  frame: number;
  object: number | null;
  layers: Partial<Layers>;
}

/** An outline taken from a frame where the object is whole; `box`: x, y, width, height there, in clip pixels. */
export interface SentTemplate {
  /** Names the outline. */
  key: string;
  taken_from: number;
  box: [number, number, number, number];
  poses: (Placed & { frame_index: number })[];
}

/** Where a template's centre lies, in clip pixels; how far it is turned, in degrees; how much it is scaled. */
export interface Placed {
  x: number;
  y: number;
  angle: number;
  scale: number;
}

/** The outline of a template, in row-major runs of its box. */
export interface TemplateAnswer {
  key: string;
  runs: Runs;
}

export interface ObjectView {
  id: number;
  label: string;
  clicks: ClickView[];
  boxes: BoxView[];
  /** [frame, layer] of each stroke. */
  strokes: [number, MaskLayer][];
  amodal_boxes: AmodalBoxView[];
  templates: SentTemplate[];
  /** Frame -> how well the result's box agrees with the amodal box, 0 to 1. */
  agreement: Record<string, number>;
  work_seconds: number;
  /** One byte a frame as two hexadecimal digits: BIT of store.js. */
  frames: string;
  needs_work: number[];
  gains: Partial<Record<Stage, number>>;
  /** Stage -> engine -> how many results that other engine made. */
  others: Partial<Record<Stage, Record<string, number>>>;
  /** One byte a frame: 0 where there is no hypothesis, else 1 + 254 times how far they differ; empty: there are none. */
  differ: string;
  /** Frame -> pixels of the hidden part that nothing can hide, and pixels of the hidden part; where there are any. */
  nothing_in_front: Record<string, [number, number]>;
  /** Where it comes back after it was gone, and nobody has said whether it is the same one. */
  returns: Return[];
  /** [first frame, last frame, how, seeds]. */
  picks: [number, number, Choice["how"], number[]][];
}

export interface Return {
  frame: number;
  last_seen: number;
  /** Around what is seen on `frame` and on `last_seen`. */
  box: Edges | null;
  box_before: Edges | null;
}

/** Clip pixels. */
export interface ClickView {
  frame_index: number;
  x: number;
  y: number;
  positive: boolean;
}

export interface Corners {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

export interface BoxView extends Corners {
  frame_index: number;
}

/** A keyframe: a box, or its frame alone: there is no box from there on. */
export type AmodalBoxView = BoxView | { frame_index: number };

export interface Job {
  kind: "track" | "complete" | "again" | "hypotheses" | "pick" | "find" | "second";
  /** null: all objects. */
  object_id: number | null;
  what: string;
  done: number;
  total: number;
  elapsed_seconds: number;
  left_seconds: number | null;
  waiting: boolean;
  finished: boolean;
  cancelled: boolean;
  error: string | null;
  warnings: string[];
}

export interface EngineView {
  stage: Stage;
  /** The engine that runs. */
  name: string;
  /** What the person chose: a name, or "auto". */
  chosen: string;
  choices: EngineChoice[];
  offers: Offer[];
  parameters: ParameterView[];
  /** Does another seed give another answer? */
  seeded: boolean;
}

export interface EngineChoice {
  name: string;
  engine: string;
  note: string;
  cost: string;
  licence: string;
  size: string;
  /** The command that gets what is missing; empty: nothing is. */
  lacks: string;
}

/** A better engine that is not complete on this computer. */
export interface Offer {
  engine: string;
  note: string;
  cost: string;
  /** The command that gets all it lacks. */
  get: string;
  /** What a button can fetch; null: the command is the way. */
  weights: OfferedWeights | null;
}

export interface OfferedWeights {
  name: string;
  megabytes: number;
  licence: string;
  /** Is it being fetched? */
  runs: boolean;
  done: number;
  total: number;
  what: string;
  error: string;
}

/** A way to train on what was accepted. */
export interface TrainingOffer {
  method: string;
  words: string;
  command: string;
  cost: string;
  /** Why it cannot be started here; empty: it can. */
  why_not: string;
}

export interface TrainingRun {
  method: string;
  runs: boolean;
  step: number;
  steps: number;
  seconds_left: number | null;
  /** The engine that came out; empty until then. */
  engine: string;
  /** Held-out object, frames, IoU of the hidden part before and after. */
  scores: [string, number, number, number][];
  error: string;
}

export interface TrainingAnswer {
  offers: TrainingOffer[];
  run: TrainingRun | null;
}

/** An object that was found by words and not yet decided on. */
export interface FoundView {
  number: number;
  label: string;
  /** 0..1 */
  score: number;
  /** On how many frames it is seen. */
  frames: number;
  /** The frame on which it is seen best. */
  best: number;
}

export interface FindAnswer {
  /** The engine that searches; empty: none can, and `why` says how to get one. */
  engine: string;
  why: string;
  /** What was searched for; empty: nothing yet, or it was decided on. */
  words: string[];
  found: FoundView[];
}

/** Frames that were asked again of one annotator. */
export interface SecondLook {
  annotator: string;
  /** Name of the project in which they are answered. */
  project: string;
  asked: number;
  answered: number;
  /** Mean IoU of the hidden parts, 0..1; null: nothing was compared yet. */
  hidden_iou: number | null;
}

/** A composed clip. */
export interface ComposedClip {
  name: string;
  /** The command that measures with it. */
  command: string;
  frames: number;
  /** Share of the object that is hidden, over all frames. */
  hidden: number;
  /** Nothing of what is in front lies in the picture. */
  nowhere: boolean;
}

export interface CompositionsAnswer {
  /** Frames done and their number, while a clip is composed. */
  composing: [number, number] | null;
  error: string;
  made: ComposedClip | null;
  /** Names of the projects whose objects can come in front. */
  fronts: string[];
}

export interface SecondLooksAnswer {
  /** Steps done and their number, while a copy is made. */
  asking: [number, number] | null;
  error: string;
  looks: SecondLook[];
}

export type SettingValue = string | number | boolean;

export interface ParameterView {
  name: string;
  default: SettingValue;
  choices: SettingValue[];
  allowed: string;
  reason: string;
  value: SettingValue;
}

/** `masks/{frame}`: by object id. */
export interface MasksAnswer {
  frame: number;
  objects: Record<string, ObjectMasks>;
}

export interface ObjectMasks {
  /** In the frame's size. */
  modal: Runs;
  /** In the canvas's size; null: there is none. */
  amodal: Runs | null;
  uncropped: Runs | null;
}

/** `open/{object}/{frame}`. */
export interface OpenAnswer {
  object: number;
  frame: number;
  /** In the canvas's size: where nothing could hide the object; null: without depth or a modal mask nothing is known. */
  runs: Runs | null;
}

/** `order/{frame}`. */
export interface OrderAnswer {
  frame: number;
  /** The objects with a mask there, from front to back. */
  ids: number[];
  /** [front, behind, how it is known]. */
  links: [number, number, "said" | "masks"][];
  /** Object id -> depth of what is seen of it, 1 is nearest. */
  nearness: Record<string, number>;
  problems: string[];
}

/** Which frames a word about the order is for: those on which the two meet, this one, this and later ones, all. */
export type OrderScope = "meet" | "frame" | "on" | "all";

/** `hypotheses/{object}/{frame}`. */
export interface HypothesesAnswer {
  object: number;
  frame: number;
  hypotheses: Hypothesis[];
  disagreement: number | null;
  picked: Choice | null;
}

export interface Hypothesis {
  seed: number;
  runs: Runs;
  engine: string;
  /** Made from what holds now? */
  holds: boolean;
}

export interface Choice {
  how: "seed" | "majority" | "union";
  seeds: number[];
}

/** `cost`: in words; empty: nothing would be made. */
export interface CostAnswer {
  words: string;
}

/** Of `do`, when it went well. `object`, `frame`, `why` and `accepted` come with the actions that have them. */
export interface DoneAnswer {
  ok: true;
  seq: number | null;
  state: State;
  masks: MasksAnswer | null;
  object?: number | null;
  frame?: number | null;
  why?: string;
  accepted?: number;
}

export interface RefusedAnswer {
  ok: false;
  seq?: number | null;
  error: string;
  /** Nothing is wrong: there was nothing to do. */
  calm?: boolean;
}

// --- What the page's parts pass to each other ------------------------------------------------------------------------

/** The number of the request, beside the answer: a later one is not undone by an earlier one that arrives after it. */
export type Answer = (DoneAnswer & { order: number }) | RefusedAnswer;

export interface Address {
  token: string;
  base: string;
}

export interface Point {
  x: number;
  y: number;
}

/** A click or box as the page keeps it: a frame is `frame` everywhere. */
export type Click = Omit<ClickView, "frame_index"> & { frame: number };
export type Box = Corners & { frame: number };
/** A box, or {frame} alone: the end of one. */
export type Keyframe = Box | { frame: number; x0?: undefined };
/** `between`: not a keyframe itself. */
export type BoxOn = Box & { between?: boolean };
export type Pose = Placed & { frame: number };
export type TemplateView = Omit<SentTemplate, "poses"> & { poses: Pose[] };
/** A template on a frame; `how`: given there, between two such frames, or beyond them all (and then no mask). */
export interface TemplateOn {
  index: number;
  template: TemplateView;
  pose: Pose;
  how: "given" | "between" | "beyond";
}
/** [a, b, c, d, e, f] of a canvas's transform. */
export type Affine = [number, number, number, number, number, number];
/** [x0, y0, x1, y1]. */
export type Edges = [number, number, number, number];

/** An object as the page keeps it. */
export type Thing = Omit<ObjectView, "clicks" | "boxes" | "amodal_boxes" | "templates"> & {
  clicks: Click[];
  boxes: Box[];
  amodal_boxes: Keyframe[];
  templates: TemplateView[];
};
export type Known = Omit<State, "objects"> & { objects: Thing[] };

/** Names an object; id null: one that is yet to be made. The answer that makes it fills the id in. */
export interface Handle {
  id: number | null;
}

export type LayerName = "modal" | "hidden" | "open" | "content" | "depth" | "differ" | "onion" | "others" | "scene";
export type Layers = Record<LayerName, boolean>;
export type Tool = "point" | "brush" | "eraser" | "amodal" | "template" | "order" | "hand";

export interface Stroke {
  kind: "stroke";
  frame: number;
  handle: Handle;
  layer: MaskLayer;
  adds: boolean;
  radius: number;
  points: [number, number][];
}

/** Done here and not yet answered: painted at once. frame -1: of no frame. */
export type Pending =
  | ({ kind: "click"; handle: Handle } & Click)
  | { kind: "unclick"; frame: number; handle: Handle; click: Click }
  | ({ kind: "box"; handle: Handle } & Box)
  | { kind: "unbox"; frame: number; handle: Handle }
  | ({ kind: "amodal_box"; handle: Handle } & Box)
  | { kind: "no_amodal_box" | "unamodal_box"; frame: number; handle: Handle }
  | { kind: "template"; frame: number; handle: Handle; index: number; pose: Pose }
  | Stroke
  | { kind: "object" | "job"; frame: number; handle: Handle };

/** What changed: who shows it draws it anew. */
export type Change = "state" | "frame" | "chosen" | "layers" | "tool" | "pending" | "reason" | "play" | "zoom" | "hypotheses";

/** Where "next to check" went, and why. object null: no frame needs a look. */
export interface Reason {
  frame: number;
  object: number | null;
  why: string;
}

/** Arguments of an action, as they are sent. */
export type Args = object;

/** An action that waits for its answer. */
export interface Queued {
  action: string;
  /** Called when its turn comes: it may name an object that an earlier action makes. */
  build: () => Args;
  /** Gets the answer; null when the session is gone. */
  settle: (answer: Answer | null) => void;
  handle: Handle | null;
  /** The one it removes. */
  click: Click | null;
  started: boolean;
}

export interface Listener {
  since: () => number | null;
  state: (state: State, order: number) => void;
  trouble: (words: string) => void;
  lost: (waiting: number) => void;
  back: () => void;
  gone: () => void;
  queue: () => void;
}

/** calm: no error, it goes by itself; passes: it goes with the next thing that is done. */
export type Say = (text: string, how?: { calm?: boolean; passes?: boolean }) => void;

export interface Command {
  name: string;
  /** As keys.js names them. */
  keys: string[];
  label: string;
  run: () => unknown;
  /** Can it act now? */
  when: () => boolean;
  /** Is it switched on? */
  on: () => boolean;
  /** Does a key that is held down do it again? */
  repeats?: boolean;
}
export type CommandLine = Omit<Command, "when" | "on"> & Partial<Pick<Command, "when" | "on">>;

/** What commands act on. */
export interface App {
  store: Store;
  actions: Actions;
  view: View;
  tools: Tools;
  tray: Tray;
  status: StatusLines;
  dialog: { toggle: () => void };
  say: Say;
}

/** What the tools want drawn: hover, drag, stroke. */
export interface Pointer {
  box: Corners | null;
  amodalBox: Box | null;
  stroke: Stroke | null;
  brush: (Point & { adds: boolean }) | null;
  hotDot: Click | null;
  hotBox: boolean;
  /** Clip pixels by which the chosen object is being moved in the scene. */
  sceneShift: Point | null;
  /** The chosen object's template while it is dragged. */
  template: Pose | null;
}

/** What is changed of an object in the scene. */
export type SceneEdit = Partial<Omit<SceneLayer, "object_id">>;

/** From pointerdown to pointerup. */
export interface Gesture {
  move: (at: Point) => void;
  end: (at: Point) => void;
  cancel: () => void;
}

/** Row -> [x0, x1, x0, x1, ...), end exclusive. */
export type Rows = Map<number, number[]>;

export interface Rect {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** One object's masks of one frame, drawn. x, y in frame pixels (negative on the padding); paths in canvas pixels. */
export interface Raster {
  canvas: OffscreenCanvas | null;
  x: number;
  y: number;
  bounds: Rect | null;
  modalPath: Path2D;
  hiddenPath: Path2D;
  bytes: number;
}

export interface FillLayers {
  modal: boolean;
  hidden: boolean;
}

export interface MasksEntry {
  objects: Record<string, ObjectMasks>;
  stamp: number;
  serial: number;
}

/** Frames of the timeline that share a column: [from, to). `any` and `all` of their bits. */
export interface Column {
  from: number;
  to: number;
  any: number;
  all: number;
}

export interface Crop {
  /** Clip pixels. */
  rect: Edges;
  /** The crop's own pixels. */
  size: Size;
}

export interface CropHow {
  rule: CropRule;
  frameWh: Size;
  modelWh: Size | null;
}

export interface HypothesisTile {
  seed: number;
  path: Path2D;
  holds: boolean;
}

/** A frame's hypotheses, drawn. All in canvas pixels. */
export interface DrawnHypotheses {
  tiles: HypothesisTile[];
  crop: { x: number; y: number; width: number; height: number };
  bounds: Rect;
  heat: OffscreenCanvas | null;
}

export interface KnownHypotheses {
  answer: HypothesesAnswer;
  drawn: DrawnHypotheses | null;
}

/** What is to be loaded. */
export interface Task {
  key: string;
  run: (signal: AbortSignal) => Promise<unknown>;
}

export interface Hint {
  text: string;
  notice?: boolean;
}

export type Props = { value?: Partial<Address> };
export type Watch = (name: string, changed: () => void) => void;

/** For tests and for looking at the page from its console. */
export interface Probe {
  state: () => Known | null;
  frame: () => number;
  go: (frame: number) => void;
  toScreen: (x: number, y: number) => Point;
  pending: () => number;
  readonly lastPaint: Painting | null;
  readonly ready: boolean;
}

export interface Painting {
  time: number;
  frame: number;
  maskVersion: number | null;
  masks: boolean;
}

declare global {
  interface Window {
    __vas: Probe;
  }
}
