// Making elements of the page.

/** An element with properties, data attributes and children. */
export function make(tag, props = {}, ...children) {
  const { data = {}, ...rest } = props;
  const node = Object.assign(document.createElement(tag), rest);
  Object.assign(node.dataset, data);
  node.append(...children);
  return node;
}

/** A sign that workbench.html defines. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#vas-i-${name}`);
  svg.append(use);
  return svg;
}
