// @ts-check
// The page's address is a link to what is looked at: ?project=NAME&frame=12&object=3 opens that frame of that object.
/** @import { Place } from "./types.d.ts" */
/** @import { Store } from "./store.js" */

/**
 * The place that an address leads to, when it is one of this project; null when it names none.
 * @param {string} search  of the address: "?project=clip&frame=12"
 * @param {string} project
 * @returns {{frame: number | null, object: number | null} | null}
 */
export function placeIn(search, project) {
  const given = new URLSearchParams(search);
  if (given.get("project") !== project) return null;
  /** @param {string} name */
  const number = (name) => (/^\d+$/.test(given.get(name) ?? "") ? Number(given.get(name)) : null);
  const [frame, object] = [number("frame"), number("object")];
  return frame === null && object === null ? null : { frame, object };
}

/** Go where the address leads. @param {Store} store */
export function followLink(store) {
  const place = store.project && placeIn(location.search, store.project.name);
  if (place) store.returnTo({ frame: place.frame ?? store.frame, object: place.object, layers: {} });
}

/** Write the place into the address. @param {Store} store @param {Place} place */
export function writeLink({ project }, { frame, object }) {
  if (!project) return;
  const here = new URL(location.href);
  here.searchParams.set("project", project.name);
  here.searchParams.set("frame", String(frame));
  if (object === null) here.searchParams.delete("object");
  else here.searchParams.set("object", String(object));
  history.replaceState(history.state, "", here);
}
