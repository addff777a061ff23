import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Api, GoneError, LostError } from "../../vas_tool/ui/workbench/api.js";
import { pass, soon, stopClock } from "./states.js";

let asked = [];
let answers = [];
const json = (body, status = 200) => () => new Response(JSON.stringify(body), { status });
const lost = () => { throw new TypeError("fetch failed"); };

beforeEach(() => {
  asked = [];
  answers = [];
  globalThis.fetch = async (url, options) => {
    asked.push({ url, body: options.body && JSON.parse(options.body) });
    return (answers.shift() ?? json({ ok: true }))(options);
  };
});

afterEach(() => mock.timers.reset());

function open() {
  const told = { lost: 0, back: 0, gone: 0, states: [], troubles: [] };
  const api = new Api({ token: "T", base: "/vas" }, {
    since: () => 7, state: (...state) => told.states.push(state), trouble: (words) => told.troubles.push(words),
    lost: () => told.lost++, back: () => told.back++, gone: () => told.gone++, queue: () => {},
  });
  return { api, told };
}

test("one action at a time, in order; a later one may name what an earlier one has made", async () => {
  const { api } = open();
  const handle = { id: null };
  answers = [json({ ok: true, object: 5 }), json({ ok: true })];
  api.do("click", () => ({ object: handle.id }), { settle: (answer) => { handle.id = answer.object; } });
  api.do("track", () => ({ object: handle.id }), { settle: () => {} });
  assert.equal(api.waiting, 2);
  await soon();
  assert.deepEqual(asked.map(({ url, body }) => [url, body.action, body.object, body.seq, body.since]), [
    ["/vas/api/T/do", "click", null, 1, 7], ["/vas/api/T/do", "track", 5, 2, 7],
  ]);
  assert.equal(api.waiting, 0);
});

test("an action without an answer is sent again under its number, and said to be lost and back", async () => {
  stopClock();
  const { api, told } = open();
  answers = [lost, json({}, 502), json({ ok: true })];
  const settled = [];
  api.do("click", () => ({}), { settle: (answer) => settled.push(answer.ok) });
  await pass(1300);
  assert.deepEqual(asked.map(({ body }) => [body.seq, body.client]), Array(3).fill([1, api.client]));
  assert.deepEqual([told.lost, told.back, settled, api.isLost], [2, 1, [true], false]);
});

test("a refusal comes back in the server's words; a session that is gone settles with nothing", async () => {
  const { api, told } = open();
  answers = [json({ ok: false, error: "click it first" }), json({ detail: "the disk is full" }, 500), json({}, 404)];
  const settled = [];
  for (const action of ["a", "b", "c"]) api.do(action, () => ({}), { settle: (answer) => settled.push(answer) });
  await soon();
  assert.deepEqual(settled, [{ ok: false, error: "click it first" }, { ok: false, error: "the disk is full" }, null]);
  assert.equal(told.gone, 1);
});

test("only the last place counts, and it is nothing that waits", () => {
  const { api } = open();
  api.do("click", () => ({}), { settle: () => {} });
  for (const frame of [1, 2, 3]) api.do("place", () => ({ frame }), { settle: () => {} });
  assert.deepEqual([api.queue.map(({ action }) => action), api.waiting], [["click", "place"], 1]);
  api.close();
});

const stream = (...chunks) => () => new Response(new ReadableStream({
  start(controller) {
    for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
    controller.close();
  },
}));

test("events are heard however they are cut; each state has a later number than the last", async () => {
  const { api, told } = open();
  answers = [stream(": beat\n\nda", 'ta: {"state": {"version": 1}}\n\ndata: {"err', 'or": "full"}\n', '\ndata: {"state": {"version": 2}}\n\n')];
  let heard = 0;
  await assert.rejects(api.listen(new AbortController().signal, () => heard++), LostError);
  assert.equal(asked[0].url, "/vas/api/T/events?since=7");
  assert.deepEqual([told.states, told.troubles, heard], [[[{ version: 1 }, 1], [{ version: 2 }, 2]], ["full"], 4]);
});

test("why there is no stream: nobody answers, or nobody knows the session", async () => {
  const { api } = open();
  answers = [lost, json({}, 401), json({ detail: "no" }, 500)];
  await assert.rejects(api.listen(new AbortController().signal, () => {}), LostError);
  await assert.rejects(api.listen(new AbortController().signal, () => {}), GoneError);
  await assert.rejects(api.listen(new AbortController().signal, () => {}), { message: "no" });
});
