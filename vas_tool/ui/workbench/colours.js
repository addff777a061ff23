// @ts-check
// One colour an object, from the Okabe-Ito set (told apart with every common colour blindness), lightened where
// the dark panel would swallow it. The object's number always stands beside the colour.

const PALETTE = [
  [240, 160, 20], // orange
  [86, 180, 233], // sky blue
  [240, 228, 66], // yellow
  [224, 130, 180], // purple
  [32, 190, 140], // bluish green
  [236, 100, 34], // vermillion
  [90, 140, 255], // blue
  [225, 225, 225], // near white
];

/** @type {Map<number, number>} */
let places = new Map(); // object id -> its place in the palette

/** @type {(id: number | null) => number} */
const ownPlace = (id) => ((id ?? 1) - 1) % PALETTE.length;

/**
 * Objects that are there together get different colours, as long as there are enough; who has one keeps it.
 * @param {number[]} ids
 */
export function giveColours(ids) {
  /** @type {Map<number, number>} */
  const given = new Map();
  /** @type {(place: number) => boolean} */
  const isFree = (place) => ![...given.values()].includes(place);
  for (const id of ids) {
    const place = places.get(id);
    if (place !== undefined && isFree(place)) given.set(id, place);
  }
  for (const id of ids) {
    if (given.has(id)) continue;
    given.set(id, [ownPlace(id), ...PALETTE.keys()].find(isFree) ?? ownPlace(id));
  }
  places = given;
}

/**
 * [r, g, b] of an object id (ids count from 1).
 * @param {number | null} id  null: an object that is yet to be made
 */
function rgbOf(id) {
  return PALETTE[(id === null ? undefined : places.get(id)) ?? ownPlace(id)];
}

/** @param {number | null} id */
export function cssOf(id, alpha = 1) {
  const [r, g, b] = rgbOf(id);
  return alpha === 1 ? `rgb(${r},${g},${b})` : `rgba(${r},${g},${b},${alpha})`;
}

/** The colour as one little-endian pixel of ImageData. @param {number} id @param {number} alpha */
export function pixelOf(id, alpha) {
  const [r, g, b] = rgbOf(id);
  return ((Math.round(alpha * 255) << 24) | (b << 16) | (g << 8) | r) >>> 0;
}
