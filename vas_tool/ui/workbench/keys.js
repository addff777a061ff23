// One listener for the whole page. Typing is never touched, and only keys that do something are taken.
const PRESSED_INPUTS = "[type=range], [type=checkbox], [type=radio], [type=button]";
const TYPING = `textarea, select, [contenteditable]:not([contenteditable='false']), input:not(${PRESSED_INPUTS})`;
const PRESSABLE = "button, a[href], summary, input, [role=button], [role=tab]";
const WORDS = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", Delete: "Del", Escape: "Esc" };

const SELECT_ALL = "Ctrl+a"; // of the page: nobody means that here
const TYPES_MS = 700; // after a character somebody is still typing
let lastTyped = -Infinity;

/** Is somebody in the middle of typing into a field? */
export const typesNow = () => performance.now() - lastTyped < TYPES_MS;

/** On many keyboards [ and ] are typed with AltGr, which reports itself as Ctrl+Alt. */
const isAltGraph = (event) => event.getModifierState?.("AltGraph") ?? false;

/** A keyboard event as commands name it: "Ctrl+Shift+z", "Shift+ArrowLeft", "?". */
function nameOf(event) {
  const isChar = event.key.length === 1;
  const isLetter = isChar && event.key.toLowerCase() !== event.key.toUpperCase();
  const key = isLetter ? event.key.toLowerCase() : event.key;
  const ctrl = (event.ctrlKey || event.metaKey) && !isAltGraph(event) ? "Ctrl+" : "";
  // Signs such as ? and + already contain their Shift.
  const shift = event.shiftKey && (!isChar || isLetter) ? "Shift+" : "";
  return ctrl + shift + key;
}

/** "Ctrl+Shift+z" -> "Ctrl+Shift+Z", for people. */
export function wordOf(key) {
  const parts = key === "+" ? ["+"] : key.split(/\+(?=.)/);
  return parts.map((part) => WORDS[part] ?? (part.length === 1 ? part.toUpperCase() : part)).join("+");
}

/** Listen until the workbench leaves the page. */
export function listenToKeys({ root, commands, dialog }) {
  const byKey = new Map();
  for (const command of Object.values(commands)) for (const key of command.keys) byKey.set(key, command);

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
    const command = byKey.get(name);
    if (!command || !command.when()) return undefined;
    event.preventDefault();
    // A key held down steps on, but it must not track or accept again and again.
    if (!event.repeat || command.repeats) command.run();
    return undefined;
  };
  document.addEventListener("keydown", listener);
}

function otherDialogOpen(root) {
  const open = document.querySelector("dialog[open], [role=dialog][aria-modal=true]");
  return Boolean(open && !root.contains(open));
}
