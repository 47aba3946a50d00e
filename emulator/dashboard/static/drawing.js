// The drawing: nodes as elements, edges as SVG below them, moving jobs on a canvas above.

import { h, set } from "./dom.js";
import { isNarrow, path, place, route, widthOf } from "./layout.js";
import { Motion } from "./motion.js";
import { nodeOf } from "./nodes.js";
import { graph } from "./topology.js";

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

export class Drawing {
  constructor(root) {
    this.root = root;
    this.lines = svg("svg", { class: "edges", "aria-hidden": "true" });
    this.canvas = h("canvas", { class: "dots", "aria-hidden": "true" });
    root.append(this.lines, this.canvas);
    this.motion = new Motion(this.canvas);
    this.elements = new Map();
    this.edges = new Map();
    this.drawn = "";
    this.state = null;
    new ResizeObserver(() => this.state && this.arrange()).observe(root);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.motion.dress());
  }

  /** Show a state; `seen` are the edges that were learned. */
  show(state, seen) {
    this.state = state;
    this.graph = graph(state, seen);
    const ids = new Set(this.graph.nodes.map((node) => node.id));
    for (const [id, element] of this.elements) {
      if (!ids.has(id)) {
        element.remove();
        this.elements.delete(id);
      }
    }
    for (const node of this.graph.nodes) {
      if (!this.elements.has(node.id)) {
        const element = nodeOf(node.kind, node.name);
        this.elements.set(node.id, element);
        this.root.append(element);
      }
      this.elements.get(node.id).show(node.about, state);
    }
    this.arrange();
  }

  /** Place everything, if something has another size than before. */
  arrange() {
    const width = this.root.clientWidth;
    const { nodes, edges } = this.graph;
    for (const node of nodes) {
      const element = this.elements.get(node.id);
      const wide = `${Math.round(widthOf(node, nodes, width))}px`;
      if (element.style.width !== wide) element.style.width = wide;
    }
    for (const node of nodes) node.height = this.elements.get(node.id).offsetHeight;
    const drawn = JSON.stringify([width, nodes.map((node) => [node.id, node.height]), edges]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const height = place(nodes, width);
    route(edges, nodes, width, height);
    for (const node of nodes) {
      this.elements.get(node.id).style.transform = `translate(${Math.round(node.x)}px, ${Math.round(node.y)}px)`;
    }
    this.root.classList.toggle("narrow", isNarrow(width));
    this.root.style.height = `${Math.ceil(height)}px`;
    this.draw(edges, width, height);
    this.motion.fit(width, height);
  }

  draw(edges, width, height) {
    set(this.lines, "viewBox", `0 0 ${width} ${Math.ceil(height)}`);
    this.lines.replaceChildren(arrow());
    this.edges.clear();
    for (const edge of edges) {
      const line = svg("path", { class: `edge ${edge.kind}`, d: path(edge.points), "marker-end": "url(#arrow)" });
      this.lines.append(line);
      this.edges.set(`${edge.from}>${edge.to}`, { ...edge, line });
    }
  }

  /** Let something travel along edges that exist, each given as [from, to]; backwards if need be. */
  travel(ways, kind, subject, delay) {
    const found = [];
    for (const [from, to] of ways) {
      const there = this.edges.get(`${from}>${to}`);
      const back = this.edges.get(`${to}>${from}`);
      if (there) found.push(there.points);
      else if (back) found.push([...back.points].reverse());
      const line = (there ?? back)?.line;
      if (line) flash(line);
    }
    if (found.length) this.motion.travel(found, kind, subject, delay);
  }

  /** Mark a node for a moment. */
  mark(id, kind) {
    const element = this.elements.get(id);
    if (!element) return;
    element.classList.remove("failed-now", "done-now");
    element.classList.add(`${kind}-now`);
    clearTimeout(element.marked);
    element.marked = setTimeout(() => element.classList.remove(`${kind}-now`), 900);
  }
}

function flash(line) {
  line.classList.add("used");
  clearTimeout(line.used);
  line.used = setTimeout(() => line.classList.remove("used"), 700);
}

function arrow() {
  const defs = svg("defs", {});
  const marker = svg("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" });
  marker.append(svg("path", { d: "M0 0 8 4 0 8z", class: "arrow" }));
  defs.append(marker);
  return defs;
}
