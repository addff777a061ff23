// What a person did that no server has answered, kept over a reload: a restarted server is sent it when the project
// is still as it was then. In sessionStorage: it belongs to this tab and goes with it.
import { plural } from "./hint.js";
import { BIT } from "./store.js";

const KEY = "vas-kept";
const NEVER_AGAIN = ["place", "cancel"]; // the place is kept in another way; the job that was to stop has ended

/** The frames that are accepted, of one byte a frame in hexadecimal digits. */
function acceptedIn(frames) {
  return frames.match(/../g)?.flatMap((byte, frame) => (parseInt(byte, 16) & BIT.accepted ? [frame] : [])) ?? [];
}

/** What must be the same as when the things were done, so that they still mean the same: all that people have said. */
function groundOf({ project, objects, undo, redo }) {
  const said = objects.map(({ id, label, clicks, boxes, strokes, amodal_boxes: whole, needs_work: marked, picks, frames }) =>
    [id, label, clicks, boxes, strokes, whole, marked, picks, acceptedIn(frames)]);
  return JSON.stringify([project.name, project.frame_count, project.canvas, project.crop, said, undo, redo]);
}

/** Objects that are yet to be made by what waits, each with a number. */
function freshOf(queue) {
  const handles = new Set(queue.map(({ handle }) => handle).filter((handle) => handle?.id === null));
  return new Map([...handles].map((handle, number) => [handle, number]));
}

/** Before the page goes away: keep what waits, and where the person is. */
export function keep({ store, queue }) {
  if (!store.state) return; // what an earlier page has kept stays
  const fresh = freshOf(queue);
  const waiting = queue.filter(({ action }) => !NEVER_AGAIN.includes(action)).map(({ action, build, handle, click = null }) =>
    ({ action, args: build(), fresh: fresh.get(handle) ?? null, click }));
  const { frame, chosen, layers, project } = store;
  const place = { frame, layers, object: chosen.id, fresh: fresh.get(chosen) ?? null };
  sessionStorage.setItem(KEY, JSON.stringify({ project: project.name, ground: groundOf(store.state), waiting, place }));
}

/** The first state is here: go on where the person was, and send what waited or say why not. */
export function resume({ store, actions, say }) {
  const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  sessionStorage.removeItem(KEY);
  if (!kept) return;
  const { project, ground, waiting, place } = kept;
  const changes = plural(waiting.length, "change");
  if (project !== store.project.name) {
    if (waiting.length) say(`${changes} of ${project} never reached the server: make ${them(waiting)} again, please.`);
    return;
  }
  const stands = ground === groundOf(store.state);
  returnTo({ store, actions }, place);
  if (!waiting.length) return;
  if (!stands) say(`The server is back, but the project has changed meanwhile: ${changes} could not be sent. Make ${them(waiting)} again, please.`);
  else sendAgain({ actions, say }, { waiting, place, changes });
}

const them = ({ length }) => (length === 1 ? "it" : "them");

function returnTo({ store, actions }, { frame, layers, object }) {
  store.frame = Math.min(frame, store.frameCount - 1);
  store.layers = layers;
  if (store.object(object)) store.chosen = { id: object };
  store.touch("frame", "layers", "chosen");
  actions.rememberPlace();
}

function sendAgain({ actions, say }, { waiting, place, changes }) {
  const made = [];
  const handleOf = (number) => (number === null ? null : (made[number] ??= { id: null }));
  for (const { action, args, fresh, click } of waiting) {
    const handle = handleOf(fresh);
    const object = handle ? () => ({ object: handle.id }) : () => ({});
    // Removing one click moves the others up: its place is looked up when its turn comes.
    const index = click ? () => ({ index: actions.indexOf(args.object, click) }) : () => ({});
    actions.send(action, () => ({ ...args, ...object(), ...index() }), { handle, click });
  }
  if (place.fresh !== null) actions.choose(handleOf(place.fresh));
  say(`The server is back. ${changes} made while it was away ${waiting.length === 1 ? "is" : "are"} sent now.`, { calm: true });
}
