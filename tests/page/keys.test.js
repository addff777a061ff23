import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

let listener = null;
class Element {
  constructor(kind = "div") { this.kind = kind; }
  closest(selector) { return selector.split(/[,\s]+/).some((part) => part.startsWith(this.kind)) ? this : null; }
}
globalThis.Element = Element;
globalThis.document = {
  body: new Element(), querySelector: () => null,
  addEventListener: (_, act) => { listener = act; },
  removeEventListener: () => { listener = null; },
};
const { listenToKeys, wordOf } = await import("../../vas_tool/ui/workbench/keys.js");

const root = { isConnected: true, offsetParent: {}, contains: () => false };
const done = [];
const command = (name, keys, more = {}) => ({ name, keys, label: name, when: () => true, on: () => false, run: () => done.push(name), ...more });
const commands = Object.fromEntries([
  command("complete", ["a"]), command("complete-all", ["Shift+a"]), command("undo", ["Ctrl+z"]), command("redo", ["Ctrl+y", "Ctrl+Shift+z"]),
  command("help", ["?"]), command("next", ["ArrowRight"], { repeats: true }), command("play", [" "]), command("smaller", ["["]), command("fit", ["."]), command("remove", [","]),
  command("accept", ["Enter"]), command("never", ["x"], { when: () => false }),
].map((each) => [each.name, each]));
const dialog = { isOpen: false, key: (_, name) => done.push(`dialog ${name}`) };

beforeEach(() => {
  done.length = 0;
  dialog.isOpen = false;
  listenToKeys({ root, commands, dialog });
});

/** Press a key; returns whether it was taken from the browser. */
function press(key, more = {}) {
  const { altGraph = false, ...rest } = more;
  const event = {
    key, code: "", target: document.body, repeat: false, isComposing: false, defaultPrevented: false, altKey: false, ctrlKey: false,
    metaKey: false, shiftKey: false, getModifierState: (name) => name === "AltGraph" && altGraph, preventDefault() { this.taken = true; }, ...rest,
  };
  listener(event);
  return Boolean(event.taken);
}

test("letters, with and without Ctrl and Shift", () => {
  press("a");
  press("A", { shiftKey: true });
  press("z", { ctrlKey: true });
  press("z", { metaKey: true });
  press("Z", { ctrlKey: true, shiftKey: true });
  press("?", { shiftKey: true });
  assert.deepEqual(done, ["complete", "complete-all", "undo", "undo", "redo", "help"]);
});

test("keyboards of other scripts, input methods, and AltGr", () => {
  press("ф", { code: "KeyA" });
  press("я", { code: "KeyZ", ctrlKey: true });
  press("Process", { code: "KeyA" });
  press("[", { altGraph: true, ctrlKey: true, altKey: true });
  press("a", { altKey: true });
  press("ю", { code: "Period" });
  press("。", { code: "Period" });
  press(",", { code: "NumpadDecimal" });
  press(",", { code: "Comma" });
  assert.deepEqual(done, ["complete", "undo", "complete", "smaller", "fit", "fit", "fit", "remove"]);
});

test("typing is never touched, nor keys that do nothing now", () => {
  assert.equal(press("a", { target: new Element("textarea") }), false);
  assert.equal(press("a", { target: new Element("select") }), false);
  assert.equal(press("x"), false);
  assert.equal(press("w"), false);
  assert.equal(press(" ", { target: new Element("button") }), false, "a focused button is pressed with Space");
  assert.equal(press("a", { isComposing: true }), false);
  assert.deepEqual(done, []);
});

test("a key that is held down steps on, and does nothing else again and again", () => {
  for (const repeat of [false, true, true]) press("ArrowRight", { repeat });
  for (const repeat of [false, true, true]) assert.ok(press("Enter", { repeat }));
  assert.deepEqual(done, ["next", "next", "next", "accept"]);
});

test("the page of keys gets them while it is open; a workbench that has gone hears nothing", () => {
  dialog.isOpen = true;
  press("a");
  assert.deepEqual(done, ["dialog a"]);
  root.isConnected = false;
  press("a");
  assert.equal(listener, null);
  root.isConnected = true;
});

test("keys as people call them", () => {
  assert.deepEqual(["Ctrl+Shift+z", "ArrowLeft", " ", "+", "Shift+Enter", "Ctrl++"].map(wordOf), ["Ctrl+Shift+Z", "←", "Space", "+", "Shift+Enter", "Ctrl++"]);
});
