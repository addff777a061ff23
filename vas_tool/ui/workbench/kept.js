// @ts-check
// What a person did that no server has answered, kept over a reload: a restarted server is sent it when the project
// is still as it was then. In sessionStorage: it belongs to this tab and goes with it.
import { plural } from "./hint.js";
import { BIT } from "./store.js";
/** @import { Click, Handle, Known, Place, Queued, Say } from "./types.d.ts" */
/** @import { Actions } from "./actions.js" */
/** @import { Store } from "./store.js" */

/**
 * What sessionStorage holds. `fresh` numbers an object that is yet to be made.
 * @typedef {{action: string, args: Record<string, unknown>, fresh: number | null, click: Click | null}} KeptAction
 * @typedef {{project: string, ground: string, waiting: KeptAction[], place: Place & {fresh: number | null}}} Kept
 */

const KEY = "vas-kept";
const NEVER_AGAIN = ["place", "cancel"]; // the place is kept in another way; the job that was to stop has ended

/**
 * The frames that are accepted, of one byte a frame in hexadecimal digits.
 * @param {string} frames
 * @returns {number[]}
 */
function acceptedIn(frames) {
  return frames.match(/../g)?.flatMap((byte, frame) => (parseInt(byte, 16) & BIT.accepted ? [frame] : [])) ?? [];
}

/**
 * What must be the same as when the things were done, so that they still mean the same: all that people have said.
 * @param {Known} state
 */
function groundOf({ project, objects, in_front: order, undo, redo }) {
  const said = objects.map(({ id, label, clicks, boxes, strokes, amodal_boxes: whole, templates, needs_work: marked, picks, frames }) =>
    [id, label, clicks, boxes, strokes, whole, templates, marked, picks, acceptedIn(frames)]);
  return JSON.stringify([project.name, project.frame_count, project.canvas, project.crop, said, order, undo, redo]);
}

/**
 * Objects that are yet to be made by what waits, each with a number.
 * @param {Queued[]} queue
 * @returns {Map<Handle, number>}
 */
function freshOf(queue) {
  const handles = new Set(queue.flatMap(({ handle }) => (handle?.id === null ? [handle] : [])));
  return new Map([...handles].map((handle, number) => [handle, number]));
}

/**
 * Before the page goes away: keep what waits, and where the person is.
 * @param {{store: Store, queue: Queued[]}} parts
 */
export function keep({ store, queue }) {
  if (!store.state) return; // what an earlier page has kept stays
  const fresh = freshOf(queue);
  /** @type {(handle: Handle | null) => number | null} */
  const numberOf = (handle) => (handle && fresh.get(handle)) ?? null;
  const waiting = queue.filter(({ action }) => !NEVER_AGAIN.includes(action)).map(({ action, build, handle, click = null }) =>
    ({ action, args: { ...build() }, fresh: numberOf(handle), click }));
  const { frame, chosen, layers } = store;
  const { project } = store.state;
  const place = { frame, layers, object: chosen.id, fresh: numberOf(chosen) };
  sessionStorage.setItem(KEY, JSON.stringify({ project: project.name, ground: groundOf(store.state), waiting, place }));
}

/**
 * The first state is here: go on where the person was, and send what waited or say why not.
 * @param {{store: Store, actions: Actions, say: Say}} parts
 */
export function resume({ store, actions, say }) {
  /** @type {Kept | null} */
  const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  sessionStorage.removeItem(KEY);
  if (!kept || !store.state) return;
  const { project, ground, waiting, place } = kept;
  const changes = plural(waiting.length, "change");
  if (project !== store.state.project.name) {
    if (waiting.length) say(`${changes} of ${project} never reached the server: make ${them(waiting)} again, please.`);
    return;
  }
  const stands = ground === groundOf(store.state);
  store.returnTo(place);
  actions.rememberPlace();
  if (!waiting.length) return;
  if (!stands) say(`The server is back, but the project has changed meanwhile: ${changes} could not be sent. Make ${them(waiting)} again, please.`);
  else sendAgain({ actions, say }, { waiting, place, changes });
}

/** @type {(things: unknown[]) => string} */
const them = ({ length }) => (length === 1 ? "it" : "them");

/**
 * @param {{actions: Actions, say: Say}} parts
 * @param {{waiting: KeptAction[], place: Kept["place"], changes: string}} what
 */
function sendAgain({ actions, say }, { waiting, place, changes }) {
  /** @type {Handle[]} */
  const made = [];
  /** @param {number} number */
  const handleOf = (number) => (made[number] ??= { id: null });
  for (const { action, args, fresh, click } of waiting) {
    const handle = fresh === null ? null : handleOf(fresh);
    const object = handle ? () => ({ object: handle.id }) : () => ({});
    // Removing one click moves the others up: its place is looked up when its turn comes.
    const index = click ? () => ({ index: actions.indexOf(Number(args.object), click) }) : () => ({});
    actions.send(action, () => ({ ...args, ...object(), ...index() }), { handle, click });
  }
  if (place.fresh !== null) actions.choose(handleOf(place.fresh));
  say(`The server is back. ${changes} made while it was away ${waiting.length === 1 ? "is" : "are"} sent now.`, { calm: true });
}
