// Where nodes and edges are: left to right, or from top to bottom where there is little room.

const GAP = 26;
const CORNER = 8;
const TRACK = 6;
const NARROW = 1000;
const BROAD = 600; // where all is stacked
const MARGIN = 4;
const WIDTHS = [66, 184, 108, 0, 192, 108];
const GUTTER = 40; // between two columns, if there is room
const END = 30; // for the edges that leave the last column

/**
 * Place nodes, and return the height of the drawing.
 *
 * @param {object[]} nodes with column, row and height; they get x, y and width
 * @param {number} width of the drawing
 */
export function place(nodes, width) {
  return width < NARROW ? stack(nodes, width) : spread(nodes, width);
}

export const isNarrow = (width) => width < NARROW;

/** Return the width that a node will have. */
export function widthOf(node, nodes, width) {
  if (isNarrow(width)) return node.kind === "bucket" ? (Math.min(width, BROAD) - 50) / 2 : Math.min(width, BROAD) - 40;
  if (node.kind === "bucket") return bucketWidth(nodes, width);
  return columnsOf(nodes, width).widths[node.column];
}

function bucketWidth(nodes, width) {
  const many = nodes.filter((each) => each.kind === "bucket").length;
  return Math.min(420, (width - 2 * MARGIN - (many - 1) * GUTTER) / many);
}

function columnsOf(nodes, width) {
  const used = [0, 1, 2, 3, 4, 5].map((column) => nodes.some((node) => node.kind !== "bucket" && node.column === column));
  const widths = WIDTHS.map((each, column) => (used[column] ? each : 0));
  const gaps = Math.max(1, used.filter(Boolean).length - 1);
  const free = width - 2 * MARGIN - (used[5] || !used[4] ? 0 : END) - widths.reduce((sum, each) => sum + each, 0);
  // What the gaps do not need is for the rails, and what those do not need widens the gaps.
  if (used[3]) widths[3] = Math.max(215, Math.min(420, free - gaps * GUTTER));
  const gutter = Math.max(20, Math.min(110, (free - widths[3]) / gaps));
  const left = [];
  let x = MARGIN;
  widths.forEach((each, column) => {
    left[column] = x;
    if (each) x += each + gutter;
  });
  return { left, widths, gutter };
}

function spread(nodes, width) {
  const { left, widths } = columnsOf(nodes, width);
  const lanes = nodes.filter((node) => node.kind !== "bucket");
  const inLanes = lanes.filter((node) => node.column >= 2 && node.column <= 4);
  const heights = [];
  for (const node of inLanes) heights[node.row] = Math.max(heights[node.row] ?? 0, node.height);
  const tops = [];
  let y = MARGIN;
  heights.forEach((height, row) => {
    tops[row] = y;
    y += height + GAP;
  });
  let bottom = y;
  for (const node of lanes) {
    node.x = left[node.column];
    node.width = widths[node.column];
    if (inLanes.includes(node)) node.y = tops[node.row] + (heights[node.row] - node.height) / 2;
  }
  for (const column of [0, 1, 5]) {
    let next = MARGIN;
    const those = lanes.filter((node) => node.column === column);
    those.forEach((node, index) => {
      node.y = index ? next : Math.max(MARGIN, (tops[0] ?? MARGIN) + ((heights[0] ?? node.height) - node.height) / 2);
      next = node.y + node.height + GAP;
    });
    bottom = Math.max(bottom, next);
  }
  const client = lanes.find((node) => node.kind === "client");
  const called = lanes.find((node) => node.column === 1);
  if (client && called) client.y = called.y + (called.height - client.height) / 2;
  const buckets = nodes.filter((node) => node.kind === "bucket");
  const size = bucketWidth(nodes, width);
  const between = buckets.length > 1 ? (width - 2 * MARGIN - size * buckets.length) / (buckets.length - 1) : 0;
  let end = bottom - GAP;
  buckets.forEach((node, index) => {
    node.width = size;
    node.x = MARGIN + index * (size + between);
    node.y = bottom + GAP - 4;
    end = Math.max(end, node.y + node.height);
  });
  return end + MARGIN;
}

function stack(nodes, width) {
  const order = (node) => (node.kind === "bucket" ? 1e6 + node.column : node.column < 2 ? node.column + node.row / 100 : node.column === 5 ? 1e5 + node.row : 100 + node.row * 10 + node.column);
  let y = MARGIN;
  let pair = 0;
  let tallest = 0;
  for (const node of [...nodes].sort((a, b) => order(a) - order(b))) {
    node.width = widthOf(node, nodes, width);
    node.x = MARGIN;
    if (node.kind === "bucket") {
      node.x += pair * (node.width + 10);
      node.y = y;
      tallest = Math.max(tallest, node.height);
      pair = 1 - pair;
      if (!pair) {
        y += tallest + 10;
        tallest = 0;
      }
    } else {
      node.y = y;
      y += node.height + 20;
    }
  }
  return y + tallest + MARGIN;
}

/** Give each edge its points; edges that share a way run beside each other. */
export function route(edges, nodes, width, height) {
  const known = new Map(nodes.map((node) => [node.id, node]));
  const taken = new Map();
  const track = (place) => {
    const used = taken.get(place) ?? 0;
    taken.set(place, used + 1);
    return (used % 2 ? 1 : -1) * Math.ceil(used / 2) * TRACK;
  };
  const bends = { known, track, nodes, width, height, ...(isNarrow(width) ? {} : columnsOf(nodes, width)) };
  for (const edge of edges) {
    const from = known.get(edge.from);
    const to = known.get(edge.to);
    edge.points = isNarrow(width) ? besides(from, to, bends) : between(from, to, edge, bends);
  }
}

const middle = (node) => node.y + node.height / 2;

function between(from, to, edge, bends) {
  const { track, left, widths, nodes, gutter } = bends;
  const after = (column) => left[column] + widths[column] + gutter / 2;
  const beforeColumn = (column) => left[column] - gutter / 2;
  const buckets = nodes.filter((node) => node.kind === "bucket");
  const above = buckets.length ? buckets[0].y - GAP / 2 : 0;
  if (to.kind === "bucket") {
    const x = after(from.column) + track(`gutter ${from.column}`);
    const y = above + track("buckets");
    const down = to.x + to.width / 2 + track(`into ${to.id}`) * 3;
    const start = middle(from) + 10;
    return [[from.x + from.width, start], [x, start], [x, y], [down, y], [down, to.y]];
  }
  if (from.kind === "bucket") {
    const y = above + track("buckets");
    const x = beforeColumn(to.column) + track(`gutter ${to.column - 1}`);
    const up = from.x + from.width - 24;
    return [[up, from.y], [up, y], [x, y], [x, middle(to) + 12], [to.x, middle(to) + 12]];
  }
  if (edge.kind === "dead") {
    const bottom = channel(from, nodes) + track(`channel ${from.row}`);
    const x = beforeColumn(to.column) + track(`gutter ${to.column - 1}`);
    const start = from.x + 28;
    return [[start, from.y + from.height], [start, bottom], [x, bottom], [x, middle(to)], [to.x, middle(to)]];
  }
  const start = [from.x + from.width, middle(from)];
  const end = [to.x, middle(to)];
  if (to.column === from.column + 1) {
    if (Math.abs(start[1] - end[1]) < 1) return [start, end];
    const x = after(from.column) + track(`gutter ${from.column}`);
    return [start, [x, start[1]], [x, end[1]], end];
  }
  const x = after(from.column) + track(`gutter ${from.column}`);
  const y = channel(from.column >= 2 && from.column <= 4 ? from : to, nodes) + track(`channel ${from.row}`);
  const last = beforeColumn(to.column) + track(`gutter ${to.column - 1}`);
  return [start, [x, start[1]], [x, y], [last, y], [last, end[1]], end];
}

/** Return the height between the lane of a node and the next. */
function channel(node, nodes) {
  const lane = nodes.filter((each) => each.kind !== "bucket" && each.column >= 2 && each.column <= 4 && each.row === node.row);
  return Math.max(...lane.map((each) => each.y + each.height), node.y + node.height) + GAP / 2;
}

function besides(from, to, { track, width: whole }) {
  const width = Math.min(whole, BROAD);
  const gap = to.y - from.y - from.height;
  const x = Math.min(from.x + from.width, to.x + to.width) / 2;
  if (gap > 0 && gap < 40 && to.kind !== "bucket") return [[x, from.y + from.height], [x, to.y]];
  const way = width - 18 + Math.max(-14, Math.min(14, track("margin") * 0.7));
  if (to.kind === "bucket" && to.x < 20) {
    const over = to.y - 6;
    return [[from.x + from.width, middle(from)], [way, middle(from)], [way, over], [to.x + 40, over], [to.x + 40, to.y]];
  }
  return [[from.x + from.width, middle(from) + 8], [way, middle(from) + 8], [way, middle(to)], [to.x + to.width, middle(to)]];
}

/** Return the path of an edge with rounded corners, as SVG describes it. */
export function path(points) {
  let text = `M${points[0].join(" ")}`;
  for (let i = 1; i < points.length; i += 1) {
    const [x, y] = points[i];
    const next = points[i + 1];
    if (!next) {
      text += `L${x} ${y}`;
      break;
    }
    const before = points[i - 1];
    const r = Math.min(CORNER, distance(before, points[i]) / 2, distance(points[i], next) / 2);
    text += `L${towards(points[i], before, r).join(" ")}Q${x} ${y} ${towards(points[i], next, r).join(" ")}`;
  }
  return text;
}

export const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);

function towards(from, to, by) {
  const whole = distance(from, to) || 1;
  return [from[0] + ((to[0] - from[0]) * by) / whole, from[1] + ((to[1] - from[1]) * by) / whole];
}
