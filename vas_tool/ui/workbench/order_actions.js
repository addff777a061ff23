// @ts-check
// What a person says of which object is in front of which.
/** @import { Actions } from "./actions.js" */
/** @import { OrderScope } from "./types.d.ts" */

/** Ids of two objects: the first is in front of the second. @typedef {[number, number]} Pair */

/**
 * What moving an object of a list from front to back says: it passes every object between the two places.
 * @param {number[]} ids
 * @param {number} from  its place
 * @param {number} to  the place that it is moved to
 * @returns {Pair[]}
 */
export function pairsOfMove(ids, from, to) {
  const moved = ids[from];
  if (to < from) return ids.slice(to, from).map((passed) => [moved, passed]);
  return ids.slice(from + 1, to + 1).map((passed) => [passed, moved]);
}

export class OrderActions {
  /** @param {Actions} actions */
  constructor(actions) {
    this.actions = actions;
    /** @type {OrderScope} the frames that a word about the order is for */
    this.scope = "meet";
  }

  /**
   * First and last frame; null: the server finds where the two objects meet.
   * @param {OrderScope} scope
   * @returns {{first: number | null, last: number | null}}
   */
  span(scope) {
    const { frame, frameCount } = this.actions.store;
    if (scope === "meet") return { first: null, last: null };
    if (scope === "frame") return { first: frame, last: frame };
    return { first: scope === "on" ? frame : 0, last: frameCount - 1 };
  }

  /** @param {Pair[]} pairs @param {{first: number | null, last: number | null}} [span] */
  say(pairs, span = this.span(this.scope)) {
    const { frame } = this.actions.store;
    const then = (/** @type {{why?: string}} */ { why }) => this.actions.say(`${why}. Ctrl+Z takes it back.`, { calm: true });
    this.actions.send("in_front", () => ({ pairs, frame, ...span }), { then });
  }

  /**
   * Take back what is said of two objects on a span; where a part of it is chosen, on that part alone.
   * @param {Pair} objects
   * @param {{first: number, last: number}} span
   */
  takeBack(objects, span) {
    const { first, last } = this.span(this.scope);
    const part = { first: Math.max(span.first, first ?? 0), last: Math.min(span.last, last ?? Infinity) };
    this.actions.send("not_in_front", () => ({ objects, ...part }));
  }
}
