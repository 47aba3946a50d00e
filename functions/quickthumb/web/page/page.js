// The page: pictures go through the queue to the service, and their thumbnails onto the wall.

import { announce } from "./announcer.js";
import { Card } from "./card.js";
import { listen } from "./files.js";
import { Gallery } from "./gallery.js";
import { askForKey, credentials } from "./key.js";
import { Line, Lost } from "./line.js";
import { Options } from "./options.js";
import { Queue } from "./queue.js";
import { Aborted, Refusal, ask, send } from "./send.js";
import { copy, snippet } from "./snippets.js";
import { limit, several } from "./units.js";
import { Viewer } from "./viewer.js";
import { Watch } from "./watch.js";

const MOST_LOSSES = 8; // of one upload, in a row
const MOST_REFUSALS = 5; // for now, of one upload
const AT_ONCE = 20; // statuses in a request
const NO_SERVICE = "service not known yet";

let service;
let held = []; // files that wait for valid options

const line = new Line();
const queue = new Queue(upload);
const watch = new Watch(line, () => queue.length > 0, ended);
const options = new Options(() => takeHeld());
const gallery = new Gallery({ leave, comeBack, erase });
const viewer = new Viewer((card) => gallery.delete([card]));
const acts = {
  open: (card, name) => viewer.open(card, name),
  again: (card) => enqueue(card),
  delete: (card) => gallery.delete([card]),
  async copy(card) {
    const isCopied = await copy(snippet("link", card.thumbnails, card.best));
    card.element.classList.toggle("copied", isCopied);
    setTimeout(() => card.element.classList.remove("copied"), 1500);
    announce(isCopied ? "Link copied." : "Copying failed.");
  },
};

// New pictures.

function take(files, others = 0) {
  const skipped = others ? ` ${several(others, "other file")} skipped.` : "";
  if (!files.length) return announce(`There are no pictures in this folder.${skipped}`);
  if (!options.check()) {
    held.push(...files);
    return options.showMistake();
  }
  const chosen = options.chosen();
  const cards = files.map((file) => new Card({ file, name: file.name, options: chosen }, acts));
  gallery.add(cards);
  for (const card of cards) enqueue(card);
  bringIntoView(cards[0].element);
  announce(`${several(cards.length, "picture")} added.${skipped}`);
}

function takeHeld() {
  if (held.length) take(held.splice(0));
}

function bringIntoView(element) {
  const { top, height } = element.getBoundingClientRect();
  if (top >= 0 && top + Math.min(height, 200) <= innerHeight) return;
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ block: "nearest", behavior: isCalm ? "auto" : "smooth" });
}

function enqueue(card) {
  card.losses = card.refusals = 0;
  card.wait();
  queue.add(card);
  gallery.update();
}

// The way of a picture.

async function upload(card) {
  if (card.file.size > service.max_original_bytes) {
    card.tooLarge(service.max_original_bytes);
    return settled();
  }
  card.controller = new AbortController();
  card.send();
  try {
    const id = await send(card, service.max_upload_bytes, {
      onProgress: (share) => {
        card.losses = 0;
        card.progress(share);
      },
      onSent: () => card.sent(),
      signal: card.controller.signal,
    });
    line.works();
    card.accepted(id);
    watch.add(id);
    gallery.update();
  } catch (error) {
    await stumble(card, error);
  }
}

async function stumble(card, error) {
  if (error instanceof Aborted) return;
  if (error instanceof Lost) {
    if (!(await isReadable(card.file))) {
      card.fail("The file cannot be read: it was changed, moved or deleted.");
      return settled();
    }
    card.losses += 1;
    if (card.losses <= MOST_LOSSES) {
      line.lost();
      return later(card, "Waiting for the connection");
    }
    error = new Error("The connection breaks again and again.");
  }
  if (error.status === 401) {
    queue.stop("key");
    askForKey(error.message, () => queue.goOn("key"));
    return later(card, "Waiting for the key");
  }
  const isTemporary = error.status === 429 || error.status === 503;
  if (isTemporary && card.refusals < MOST_REFUSALS) {
    card.refusals += 1;
    queue.stop("busy");
    setTimeout(() => queue.goOn("busy"), 1000 * (Number(error.retryAfter) || 2));
    return later(card, "The service is busy. Waiting");
  }
  if (!(error instanceof Refusal)) console.error(error);
  card.fail(error.message, !(error.status < 500) || isTemporary || error.status === 408);
  settled();
}

function later(card, sentence) {
  card.wait(sentence);
  queue.addFirst(card);
}

function isReadable(file) {
  return file.slice(0, 1).arrayBuffer().then(() => true, () => false);
}

function ended(id, status) {
  const card = gallery.cards.find((each) => each.id === id);
  if (!card) return;
  card.show(status);
  settled();
}

// Tells the outcome when nothing is left to do.
function settled() {
  gallery.update();
  const cards = gallery.shown;
  if (cards.some((card) => !card.isSettled)) return;
  const failed = cards.filter((card) => card.state === "failed");
  const done = several(cards.length - failed.length, "picture has its thumbnails", "pictures have their thumbnails");
  const last = failed.length === 1 && failed[0];
  const told = last ? ` ${last.name} failed: ${last.find(".facts").textContent}` : ` ${failed.length} failed.`;
  announce(`${done}.${failed.length ? told : ""}`);
}

// Deletions.

function leave(card) {
  queue.remove(card);
  card.controller?.abort();
  if (card.id) watch.remove(card.id);
}

function comeBack(card) {
  if (card.id && !card.isSettled) watch.add(card.id);
  if (!card.id && card.isUnsent) enqueue(card);
}

async function erase(id) {
  // Goes on when the page is left.
  const request = { method: "DELETE", headers: credentials(), keepalive: true };
  try {
    await ask(`/${id}`, request);
  } catch (error) {
    if (error.status === 404) return;
    if (error instanceof Lost) {
      line.lost();
      await line.ready();
      return erase(id);
    }
    if (error.status === 401) askForKey(error.message, () => {});
    throw error;
  }
}

// The start.

async function describe() {
  const answer = () => ask("/", { headers: { Accept: "application/json" } });
  while (!service) {
    service = await answer().catch(() => line.lost());
    await line.ready();
  }
  options.offer(service);
  document.querySelector("#limits").append(` Up to ${limit(service.max_original_bytes)} each.`);
  queue.goOn(NO_SERVICE);
}

async function restore() {
  const cards = gallery.recall().map((known) => new Card(known, acts));
  for (const card of cards) card.enter("making", "");
  gallery.append(cards);
  for (let at = 0; at < cards.length; at += AT_ONCE) await restoreSome(cards.slice(at, at + AT_ONCE));
}

async function restoreSome(cards) {
  const byId = new Map(cards.map((card) => [card.id, card]));
  try {
    const { uploads } = await ask(`/uploads?ids=${[...byId.keys()].join(",")}`);
    for (const status of uploads) {
      const card = byId.get(status.id);
      if (status.status === 404) gallery.forget(card);
      else if (status.status === "queued") watch.add(status.id), card.accepted(status.id);
      else card.show(status);
    }
    gallery.update();
  } catch (error) {
    if (!(error instanceof Lost)) return;
    line.lost();
    await line.ready();
    await restoreSome(cards);
  }
}

queue.stop(NO_SERVICE);
line.onChange = () => (line.isDown ? queue.stop("line") : queue.goOn("line"));
listen(take);

addEventListener("beforeunload", (event) => {
  if (gallery.shown.some((card) => card.isUnsent)) event.preventDefault();
});

const sample = document.querySelector("#sample");
let isDrawing = false;
sample.hidden = false;
sample.addEventListener("click", async () => {
  if (isDrawing) return;
  isDrawing = true;
  const { samplePicture } = await import("./sample.js");
  take([await samplePicture()]);
  isDrawing = false;
});

document.querySelector("#url").textContent = new URL("/", location.href);
restore();
describe();
