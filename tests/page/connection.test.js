import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { pass, stateOf, stopClock, thingOf } from "./states.js";

const kept = new Map();
globalThis.window = { addEventListener: () => {} };
globalThis.document = { addEventListener: () => {}, hidden: false };
globalThis.sessionStorage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value), removeItem: (name) => kept.delete(name) };
globalThis.location = { reload: () => { reloads++; } };
const { Connection } = await import("../../vas_tool/ui/workbench/connection.js");
const { Store } = await import("../../vas_tool/ui/workbench/store.js");
const { keep, resume } = await import("../../vas_tool/ui/workbench/kept.js");

let reloads = 0;
let opened = [];
let answer = null;

beforeEach(() => {
  stopClock();
  kept.clear();
  reloads = 0;
  opened = [];
  globalThis.fetch = async (url, { signal }) => {
    opened.push(url);
    return answer(signal);
  };
});

afterEach(() => mock.timers.reset());

/** A stream that the test speaks in; it ends when the page stops listening. */
function streaming() {
  const stream = {};
  stream.answer = (signal) => new Response(new ReadableStream({
    start(controller) {
      stream.say = (value) => controller.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(value)}\n\n`));
      stream.end = () => controller.close();
      signal.addEventListener("abort", () => { stream.aborted = true; });
    },
  }));
  return stream;
}

function connect() {
  const store = new Store();
  const said = { lost: [], words: [], first: [], line: 0 };
  const status = { lost: (text) => said.lost.push(text), say: (text) => said.words.push(text), empty: () => {}, renderSaved: () => {}, noteClock: () => {} };
  const line = new Connection({ root: { isConnected: true }, store, status, onState: (first) => said.first.push(first), onLine: () => said.line++ });
  line.open({ token: "T", base: "" });
  return { line, store, said };
}

test("states are heard one after the other; a stream that ends is opened again without a word", async () => {
  const stream = streaming();
  answer = stream.answer;
  const { line, store, said } = connect();
  await pass(10);
  stream.say({ state: stateOf({ version: 1 }) });
  stream.say({ state: stateOf({ version: 2, changed: [0], ledger: null }) });
  stream.say({ error: "the disk is full" });
  await pass(10);
  assert.deepEqual([opened, store.version, said.first, said.words], [["/api/T/events"], 2, [true, false], ["the disk is full"]]);
  stream.end();
  await pass(300);
  assert.deepEqual([opened[1], said.lost], ["/api/T/events?since=2", []]);
  line.close();
  assert.ok(stream.aborted);
});

test("a server that is away is said to be lost, asked again, and back", async () => {
  answer = () => { throw new TypeError("fetch failed"); };
  const { line, said } = connect();
  await pass(10);
  assert.match(said.lost[0], /^Connection lost/);
  assert.equal(said.line, 1);
  const stream = streaming();
  answer = stream.answer;
  await pass(1050);
  stream.say({ state: stateOf() });
  await pass(10);
  assert.deepEqual([opened.length, said.lost.at(-1), said.line], [2, null, 2]);
  line.close();
});

test("a session that nobody knows any more: the page is loaded again, once", async () => {
  answer = () => new Response("{}", { status: 404 });
  const { said } = connect();
  await pass(450);
  assert.equal(reloads, 1);
  assert.match(said.words[0], /Reloading/);
  const again = connect();
  await pass(450);
  assert.equal(reloads, 1);
  assert.match(again.said.words[0], /open it again above/);
});

test("what waited when the page went away is sent when the project is as it was, and only then", () => {
  const store = new Store();
  store.apply(stateOf({ objects: [thingOf(1)] }), 1);
  const fresh = { id: null };
  const queue = [
    { action: "accept", build: () => ({ object: 1, frame: 0 }), handle: { id: 1 }, click: null },
    { action: "click", build: () => ({ object: null, x: 1 }), handle: fresh, click: null },
    { action: "click", build: () => ({ object: null, x: 2 }), handle: fresh, click: null },
    { action: "place", build: () => ({}), handle: null, click: null },
  ];
  store.choose(fresh);
  store.look(2);
  keep({ store, queue });
  const resumed = (state) => {
    const sent = [];
    const words = [];
    const later = new Store();
    later.apply(state, 1);
    const actions = { send: (action, build, how) => sent.push([action, build(), how.handle]), rememberPlace: () => {}, choose: (handle) => later.choose(handle), indexOf: () => 0 };
    const before = kept.get("vas-kept");
    resume({ store: later, actions, say: (text) => words.push(text) });
    kept.set("vas-kept", before);
    return { sent, words, later };
  };
  const { sent, words, later } = resumed(stateOf({ version: 9, objects: [thingOf(1)] }));
  assert.deepEqual(sent.map(([action, args]) => [action, args.x ?? args.frame]), [["accept", 0], ["click", 1], ["click", 2]]);
  assert.equal(sent[1][2], sent[2][2], "both clicks make the same object");
  assert.deepEqual([later.frame, later.chosen], [2, sent[1][2]]);
  assert.match(words[0], /3 changes made while it was away are sent now/);
  const other = resumed(stateOf({ objects: [thingOf(1, { label: "renamed" })] }));
  assert.deepEqual([other.sent, /could not be sent/.test(other.words[0])], [[], true]);
});
