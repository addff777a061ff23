// @ts-check
// The workbench's place on the page: its style sheet and its height.
import { targetOf } from "./elements.js";

const MIN_HEIGHT = 500; // css pixels below which the picture would be too small to work on
const LOOK_AGAIN_MS = 400;
const MARGIN = 12;

/** Load the style sheet before anything is shown. @param {URL} url */
export function loadStyle(url) {
  return new Promise((resolve, reject) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: url.href });
    link.onload = () => resolve(undefined);
    link.onerror = () => reject(new Error(`the style sheet ${url.pathname} could not be loaded: reload the page`));
    document.head.append(link);
  });
}

/**
 * Fill what is left of the window below the workbench's top, or a whole window if too little is left.
 * @param {HTMLElement} root
 */
export function keepHeight(root) {
  const fit = () => {
    if (!root.isConnected || root.offsetParent === null) return;
    const top = root.getBoundingClientRect().top + window.scrollY;
    const left = window.innerHeight - top - MARGIN;
    const height = left >= MIN_HEIGHT ? left : Math.max(MIN_HEIGHT, window.innerHeight - 2 * MARGIN);
    const wanted = `${Math.round(Math.min(height, window.innerHeight - 2 * MARGIN))}px`;
    if (root.style.height !== wanted) root.style.height = wanted;
  };
  root.style.visibility = "";
  window.addEventListener("resize", fit);
  new ResizeObserver(fit).observe(document.body);
  // A message above that comes or goes moves us without resizing anything that could be observed from here.
  setInterval(fit, LOOK_AGAIN_MS);
  fit();
}

const LISTS = "#project, #export-format"; // Gradio's, above the workbench
const DONE_KEYS = ["Escape", "Enter"];

/**
 * Who has chosen in a list above, or thought better of it, goes on in the picture: the keys must not stay there.
 * @param {HTMLElement} canvas
 */
export function takeFocusBack(canvas) {
  const back = () => setTimeout(() => canvas.isConnected && canvas.focus({ preventScroll: true }));
  /** @param {KeyboardEvent} event */
  const isDone = (event) => DONE_KEYS.includes(event.key) && targetOf(event)?.closest(LISTS);
  document.addEventListener("keydown", (event) => isDone(event) && back(), true);
  document.addEventListener("click", (event) => targetOf(event)?.closest("[role=option]") && back());
}

/**
 * A press on selected text (all of it, after Ctrl+A) begins a drag of the browser's own and takes the pointer from us.
 * @param {HTMLElement} root
 */
export function keepFromDragging(root) {
  /** @param {Event} event */
  const isOurs = (event) => targetOf(event)?.closest("canvas, .vas-timeline");
  root.addEventListener("pointerdown", (event) => isOurs(event) && getSelection()?.removeAllRanges(), true);
  root.addEventListener("dragstart", (event) => event.preventDefault());
}

/** Gradio's row of options, over the picture while its button is pressed; it goes with Escape or a press elsewhere. */
export function showOptionsOverThePicture() {
  const [button, panel] = ["#import-options", "#options"].map((place) => document.querySelector(place));
  if (!(button instanceof HTMLElement && panel instanceof HTMLElement)) return;
  /** @param {boolean} isOpen */
  const show = (isOpen) => {
    panel.classList.toggle("vas-open", isOpen);
    button.setAttribute("aria-expanded", String(isOpen));
    const { bottom, right } = button.getBoundingClientRect();
    panel.style.top = `${bottom + window.scrollY + 6}px`;
    panel.style.right = `${Math.max(8, document.documentElement.clientWidth - right)}px`;
    if (isOpen) panel.querySelector("input")?.focus();
  };
  const isOpen = () => panel.classList.contains("vas-open");
  button.setAttribute("aria-controls", panel.id);
  show(false);
  button.addEventListener("click", () => show(!isOpen()));
  document.addEventListener("pointerdown", (event) => {
    const target = targetOf(event);
    if (isOpen() && !panel.contains(target) && !button.contains(target)) show(false);
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isOpen()) return;
    event.stopPropagation();
    show(false);
    button.focus();
  }, true);
}

/** The path field has room for a short hint; its label, which Gradio hides, says all. */
export function tellPathInFull() {
  const field = document.querySelector("#path input, #path textarea");
  if (field instanceof HTMLElement) field.title = field.closest("label")?.innerText ?? "";
}
