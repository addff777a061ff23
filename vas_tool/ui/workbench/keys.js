// @ts-check
// One listener for the whole page. Typing is never touched, and only keys that do something are taken.
/** @import { Command } from "./types.d.ts" */
/** @import { HelpDialog } from "./help.js" */
const PRESSED_INPUTS = "[type=range], [type=checkbox], [type=radio], [type=button]";
const TYPING = `textarea, select, [contenteditable]:not([contenteditable='false']), input:not(${PRESSED_INPUTS})`;
const PRESSABLE = "button, a[href], summary, input, [role=button], [role=tab]";
/** @type {Record<string, string>} */
const WORDS = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", Delete: "Del", Escape: "Esc", PageUp: "PgUp", PageDown: "PgDn" };

const SELECT_ALL = "Ctrl+a"; // of the page: nobody means that here
const TYPES_MS = 700; // after a character somebody is still typing
let lastTyped = -Infinity;

/** Is somebody in the middle of typing into a field? */
export const typesNow = () => performance.now() - lastTyped < TYPES_MS;

/**
 * On many keyboards [ and ] are typed with AltGr, which reports itself as Ctrl+Alt.
 * @type {(event: KeyboardEvent) => boolean}
 */
const isAltGraph = (event) => event.getModifierState?.("AltGraph") ?? false;

const OTHER_SCRIPT = /^(?!\p{Script=Latin})[\p{L}\p{M}]+$|^(?![0-9])\p{Nd}$/u;
const OF_INPUT_METHOD = ["Process", "Unidentified"]; // what an input method says instead of the key
/** @type {Record<string, string>} */
const SIGNS = { BracketLeft: "[", BracketRight: "]", Period: ".", Comma: "," };
/** @type {Record<string, string>} */
const FULL_WIDTH = { "。": ".", "，": "," };
let typesOtherScript = false; // by the last letter: Greek and Hebrew have signs where others have letters

/**
 * What is pressed, as a Latin keyboard has it: Cyrillic, Greek, Korean, ... ones have other letters on the same keys.
 * @param {KeyboardEvent} event
 */
function keyOf({ key, code }) {
  const sign = code === "NumpadDecimal" ? "." : FULL_WIDTH[key]; // a numeric pad has a comma in many countries
  if (sign) return sign;
  const isOther = OTHER_SCRIPT.test(key) || OF_INPUT_METHOD.includes(key);
  if (isOther || /^\p{Script=Latin}$/u.test(key)) typesOtherScript = isOther;
  const isSign = typesOtherScript && /^[\p{P}\p{S}]$/u.test(key) && code?.startsWith("Key");
  if (!isOther && !isSign) return key;
  return /^(?:Key([A-Z])|Digit([0-9]))$/.exec(code)?.slice(1).find(Boolean)?.toLowerCase() ?? SIGNS[code] ?? key;
}

/**
 * A keyboard event as commands name it: "Ctrl+Shift+z", "Shift+ArrowLeft", "?".
 * @param {KeyboardEvent} event
 */
function nameOf(event) {
  const pressed = keyOf(event);
  const isChar = pressed.length === 1;
  const isLetter = isChar && pressed.toLowerCase() !== pressed.toUpperCase();
  const key = isLetter ? pressed.toLowerCase() : pressed;
  const ctrl = (event.ctrlKey || event.metaKey) && !isAltGraph(event) ? "Ctrl+" : "";
  // Signs such as ? and + already contain their Shift.
  const shift = event.shiftKey && (!isChar || isLetter) ? "Shift+" : "";
  return ctrl + shift + key;
}

/** "Ctrl+Shift+z" -> "Ctrl+Shift+Z", for people. @param {string} key */
export function wordOf(key) {
  const parts = key === "+" ? ["+"] : key.split(/\+(?=.)/);
  return parts.map((part) => WORDS[part] ?? (part.length === 1 ? part.toUpperCase() : part)).join("+");
}

/**
 * Listen until the workbench leaves the page.
 * @param {{root: HTMLElement, commands: Record<string, Command>, dialog: HelpDialog}} parts
 */
export function listenToKeys({ root, commands, dialog }) {
  /** @type {Map<string, Command[]>} two commands may share a key when only one of them can act at a time */
  const byKey = new Map();
  for (const command of Object.values(commands)) for (const key of command.keys) byKey.set(key, [...(byKey.get(key) ?? []), command]);

  /** @param {KeyboardEvent} event */
  const listener = (event) => {
    if (!root.isConnected) return document.removeEventListener("keydown", listener);
    const isOthers = event.defaultPrevented || event.isComposing || (event.altKey && !isAltGraph(event));
    if (isOthers || root.offsetParent === null) return undefined; // no parent: in a tab that is not shown
    const target = event.target instanceof Element ? event.target : document.body;
    if (target.closest(TYPING)) {
      if (event.key.length === 1) lastTyped = performance.now();
      return undefined;
    }
    const name = nameOf(event);
    // A focused button is pressed with Space and Enter, a slider moved with the arrows: theirs, not ours.
    if (["Enter", " "].includes(event.key) && target.closest(PRESSABLE)) return undefined;
    if (event.key.startsWith("Arrow") && target.closest("input, [role=tab]")) return undefined;
    if (dialog.isOpen) return dialog.key(event, name);
    if (otherDialogOpen(root)) return undefined;
    if (name === SELECT_ALL) return event.preventDefault();
    const command = byKey.get(name)?.find(({ when }) => when());
    if (!command) return undefined;
    event.preventDefault();
    // A key held down steps on, but it must not track or accept again and again.
    if (!event.repeat || command.repeats) command.run();
    return undefined;
  };
  document.addEventListener("keydown", listener);
}

/** @param {HTMLElement} root */
function otherDialogOpen(root) {
  const open = document.querySelector("dialog[open], [role=dialog][aria-modal=true]");
  return Boolean(open && !root.contains(open));
}
