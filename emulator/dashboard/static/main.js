// The dashboard: a page that shows a local cloud as it runs, and steers it.

import { act, ask, confirmed } from "./act.js";
import { until } from "./ages.js";
import { by, h, put, set } from "./dom.js";
import { Drawing } from "./drawing.js";
import { inspected } from "./inspector.js";
import { Journey } from "./journey.js";
import { Listings } from "./listings.js";
import { showBuckets, showFailures, showFunctions, showLetters, showSubscriptions, showUploads } from "./sections.js";
import { listen } from "./stream.js";
import { Seen } from "./topology.js";
import { clock, some } from "./words.js";

const SLOW = [0, 0.5, 1, 3, 10];

let started = null;
let state = null;
let seen = null;
let journey = null;
let letters = null;
let lettersOf = "";
let looking = false;
const drawing = new Drawing(by("drawing"));
const listings = new Listings(() => state && show());

function changed(given, events) {
  state = given;
  clock.offset = state.now - Date.now() / 1000;
  if (state.started !== started) begin();
  if (document.hidden) {
    title();
    return;
  }
  journey.follow(events, state);
  show();
  if (events.length || !listings.size) listings.look(state.buckets);
  lookAtLetters(events);
  inspected.changed(state);
}

/** The local cloud has started, perhaps anew: what was remembered of an earlier one is forgotten. */
function begin() {
  started = state.started;
  seen = new Seen(`${state.project} ${state.functions.map((each) => each.name).join(" ")}`);
  journey = new Journey(drawing, seen);
  drawing.motion.clear();
  listings.clear();
  letters = null;
  lettersOf = "";
  put(by("project"), state.project);
  put(by("untold"), state.untold ?? "");
  by("untold").hidden = !state.untold;
  const broker = state.broker === "embedded" ? "embedded broker" : "Google’s Pub/Sub emulator";
  const entrance = state.functions.find((each) => state.entrance && each.url === state.entrance);
  const link = entrance && h("a", { href: `${entrance.url}/`, target: "_blank", rel: "noopener" }, `${entrance.name} at ${new URL(entrance.url).host}`);
  by("facts").replaceChildren(`${broker}, up for `, until(h("span"), started), ...(link ? [" · ", link] : []));
}

function show() {
  state.listings = listings;
  drawing.show(state, seen);
  showSubscriptions(state.subscriptions);
  showFunctions(state.functions);
  showUploads(state.uploads);
  showBuckets(state.buckets, listings);
  showLetters(letters, state.subscriptions);
  const slow = state.functions.find((each) => each.trigger === "pubsub")?.slow ?? 0;
  if (document.activeElement !== by("slow")) chooseSlow(slow);
  title();
}

function title() {
  const failed = showFailures(state);
  const name = `${state.project} · dashboard`;
  document.title = failed ? `(${failed} failed) ${name}` : name;
}

/** Fetch the dead letters, if there may be others than before, not more often than is cheap. */
async function lookAtLetters(events) {
  const kept = state.subscriptions.filter((each) => each.kind === "letters");
  const now = JSON.stringify(kept.map((each) => [each.waiting, each.in_flight, each.oldest]));
  const mayDiffer = state.untold && events.some((each) => each.kind === "ended" || each.kind === "action");
  if ((now === lettersOf && !mayDiffer) || looking) return;
  lettersOf = now;
  looking = true;
  const began = performance.now();
  try {
    letters = (await ask("/api/letters")).letters;
    showLetters(letters, state.subscriptions);
  } catch {
    lettersOf = "";
  }
  setTimeout(() => {
    looking = false;
    lookAtLetters([]);
  }, Math.max(500, (performance.now() - began) * 10));
}

function chooseSlow(seconds) {
  const choice = by("slow");
  const wanted = SLOW.includes(seconds) ? SLOW : [...SLOW, seconds].sort((a, b) => a - b);
  if (choice.options.length !== wanted.length) choice.replaceChildren(...wanted.map((each) => h("option", { value: each }, `${each} s`)));
  if (choice.value !== String(seconds)) choice.value = String(seconds);
}

/** Let the dots move, unless the visitor wants none. */
function move(isOn) {
  drawing.motion.isOn = isOn;
  if (!isOn) drawing.motion.clear();
  set(by("motion"), "aria-pressed", String(isOn));
}

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const stored = localStorage.getItem("motion");
move(stored === null ? !calm.matches : stored === "on");
calm.addEventListener("change", () => move(!calm.matches));
by("motion").addEventListener("click", () => {
  move(!drawing.motion.isOn);
  localStorage.setItem("motion", drawing.motion.isOn ? "on" : "off");
});
by("slow").addEventListener("change", (event) => act("slow", { seconds: Number(event.target.value) }));
by("poison").addEventListener("click", () => act("poison"));
by("requeue-all").addEventListener("click", async () => {
  if (await confirmed(`Publish ${some(letters?.length ?? null, "dead letter")} again?`, "Requeue all")) await act("requeue", { all: true });
});

listen(changed, (isConnected) => {
  put(by("connection"), isConnected ? "live" : "not connected: trying again");
  by("connection").classList.toggle("lost", !isConnected);
});
