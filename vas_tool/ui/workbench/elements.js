// @ts-check
// Making elements of the page.

/**
 * An element with properties, data attributes and children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Omit<Partial<HTMLElementTagNameMap[Tag]>, "style"> & {data?: Record<string, string>}} [props]
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, props, ...children) {
  const { data = {}, ...rest } = props ?? {};
  const node = Object.assign(document.createElement(tag), rest);
  Object.assign(node.dataset, data);
  node.append(...children);
  return node;
}

/**
 * A part of the workbench, by its data-part. What the html promises is there.
 * @param {ParentNode} root
 * @param {string} name
 * @returns {HTMLElement}
 */
export const partOf = (root, name) => found(root, `[data-part="${name}"]`, HTMLElement);

/** What an event happened to, when that is an element. @param {Event} event @returns {Element | null} */
export const targetOf = ({ target }) => (target instanceof Element ? target : null);

/**
 * The first element that a selector finds. Throws when there is none of that kind: the page's files do not fit together.
 * @template {Element} Kind
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
export function found(root, selector, kind) {
  const element = root.querySelector(selector);
  if (!(element instanceof kind)) throw new Error(`the page has no ${selector}: reload it`);
  return element;
}

/**
 * What draws on a canvas.
 * @overload
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasRenderingContext2DSettings} [settings]
 * @returns {CanvasRenderingContext2D}
 */
/**
 * @overload
 * @param {OffscreenCanvas} canvas
 * @returns {OffscreenCanvasRenderingContext2D}
 */
/** @param {HTMLCanvasElement | OffscreenCanvas} canvas @param {CanvasRenderingContext2DSettings} [settings] */
export function penOf(canvas, settings) {
  const pen = canvas.getContext("2d", settings);
  if (!pen) throw new Error("this browser gives no canvas to draw on: reload the page, or close other tabs");
  return pen;
}

/** A sign that workbench.html defines. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#vas-i-${name}`);
  svg.append(use);
  return svg;
}
