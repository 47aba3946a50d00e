// Jobs that move along the edges: dots on a canvas, which is drawn only while something moves.

import { distance } from "./layout.js";

const MOST_DOTS = 160;
const MOST_BEHIND = 2.2; // seconds; what would start later is not shown
const SPEED = 520; // pixels a second
const [SHORTEST, LONGEST] = [0.22, 0.75]; // seconds along an edge

export class Motion {
  /** @param {HTMLCanvasElement} canvas lies above the drawing */
  constructor(canvas) {
    this.canvas = canvas;
    this.dots = [];
    this.free = new Map();
    this.frame = 0;
    this.colours = {};
    this.isOn = true;
  }

  /** Fit the canvas, and learn the colours anew. */
  fit(width, height) {
    const scale = Math.min(2, devicePixelRatio || 1);
    this.scale = scale;
    if (this.canvas.width !== Math.round(width * scale) || this.canvas.height !== Math.round(height * scale)) {
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(height * scale);
    }
    this.dress();
  }

  /** Read the colours of the page. */
  dress() {
    const probe = getComputedStyle(this.canvas);
    for (const kind of ["job", "done", "failed", "dead"]) this.colours[kind] = probe.getPropertyValue(`--dot-${kind}`).trim();
  }

  /**
   * Let something travel along edges, one after another.
   *
   * @param {number[][][]} ways points of each edge
   * @param {string} kind job, done, failed or dead
   * @param {string} subject travels one way at a time
   * @param {number} delay in seconds
   * @returns {number} seconds until it arrives
   */
  travel(ways, kind, subject, delay) {
    const now = performance.now() / 1000;
    let start = Math.max(now + delay, this.free.get(subject) ?? 0);
    if (!this.isOn || document.hidden || start > now + MOST_BEHIND) return 0;
    for (const points of ways) {
      if (this.dots.length >= MOST_DOTS) return 0;
      const lengths = points.slice(1).map((point, i) => distance(points[i], point));
      const whole = lengths.reduce((sum, each) => sum + each, 0);
      const seconds = Math.min(LONGEST, Math.max(SHORTEST, whole / SPEED));
      this.dots.push({ points, lengths, whole, kind, start, end: start + seconds });
      start += seconds;
    }
    this.free.set(subject, start);
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
    return start - now;
  }

  draw() {
    const now = performance.now() / 1000;
    const context = this.canvas.getContext("2d");
    context.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.dots = this.dots.filter((dot) => dot.end > now);
    for (const dot of this.dots) {
      if (dot.start > now) continue;
      const share = (now - dot.start) / (dot.end - dot.start);
      const eased = share < 0.5 ? 2 * share * share : 1 - 2 * (1 - share) * (1 - share);
      const [x, y] = along(dot, eased * dot.whole);
      context.fillStyle = this.colours[dot.kind];
      context.beginPath();
      context.roundRect(x - 5, y - 4, 10, 8, 2);
      context.fill();
    }
    if (this.dots.length) {
      this.frame = requestAnimationFrame(() => this.draw());
    } else {
      this.frame = 0;
      this.free.clear();
    }
  }

  clear() {
    this.dots = [];
    this.free.clear();
  }
}

function along({ points, lengths }, way) {
  for (let i = 0; i < lengths.length; i += 1) {
    if (way <= lengths[i] || i === lengths.length - 1) {
      const share = lengths[i] ? Math.min(1, way / lengths[i]) : 1;
      return [points[i][0] + (points[i + 1][0] - points[i][0]) * share, points[i][1] + (points[i + 1][1] - points[i][1]) * share];
    }
    way -= lengths[i];
  }
  return points.at(-1);
}
