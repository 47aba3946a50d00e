// The page: pictures go through the queue to the service, and their thumbnails onto the wall.

import { announce } from "./announcer.js";
import { Card } from "./card.js";
import { listen } from "./files.js";
import { Gallery } from "./gallery.js";
import { askForKey, credentials } from "./key.js";
import { Line, Lost } from "./line.js";
import { Options } from "./options.js";
import { Queue } from "./queue.js";
import { ask, send } from "./send.js";
import { copy, snippet } from "./snippets.js";
import { bytes, limit, several } from "./units.js";
import { Viewer } from "./viewer.js";
import { IDS, Watch } from "./watch.js";

const MOST_LOSSES = 8; // of the connection, for one upload in a row
const MOST_REFUSALS = 5; // since the service is busy, for one upload

let service; // what GET / says
let held = []; // files that wait for valid options

const queue = new Queue(upload);
const line = new Line(() => (line.isDown ? queue.stop("line") : queue.goOn("line")));
const watch = new Watch(line, () => !queue.isEmpty, ended);
const options = new Options(() => held.length && take(held.splice(0)));
const gallery = new Gallery({ leave, comeBack, erase });
const viewer = new Viewer((card) => gallery.delete([card]));
const acts = {
  open: (card) => viewer.open(card),
  again: enqueue,
  delete: (card) => gallery.delete([card]),
  async copy({ thumbnails, best, element }) {
    const isCopied = await copy(snippet("link", thumbnails, best));
    element.classList.toggle("copied", isCopied);
    if (isCopied) announce("Link copied.");
  },
};

// New pictures.

function take(files, others = 0) {
  if (others) announce(`${several(others, "file")} skipped that are no pictures.`);
  if (!files.length) return;
  if (!options.check()) {
    held.push(...files);
    return options.showMistake();
  }
  const chosen = options.chosen();
  const cards = files.map((file) => new Card({ file, name: file.name, options: chosen }, acts));
  gallery.add(cards);
  cards.forEach(enqueue);
  bringIntoView(cards[0].element);
  announce(`${several(cards.length, "picture")} added.`);
}

function bringIntoView(element) {
  const { top } = element.getBoundingClientRect();
  if (top < 0 || top > innerHeight / 2) element.scrollIntoView({ block: "center" });
}

function enqueue(card) {
  card.losses = card.refusals = 0;
  card.wait();
  queue.add(card);
  gallery.update();
}

// The way of a picture. What was deleted in the meantime is left alone.

async function upload(card) {
  const { size } = card.file;
  const most = service.max_original_bytes;
  if (size > most) {
    card.fail(`The file has ${bytes(size)}; the limit is ${limit(most)}.`);
    return settled();
  }
  card.controller = new AbortController();
  card.send();
  try {
    const id = await send(card, service.max_upload_bytes, {
      onProgress(share) {
        card.losses = 0;
        card.progress(share);
      },
      onSent: () => (card.sentAt = performance.now()),
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
  if (card.controller.signal.aborted) return;
  if (error instanceof Lost) {
    if (!(await isReadable(card.file))) {
      card.fail("The file cannot be read: it was changed, moved or deleted.");
    } else if (++card.losses > MOST_LOSSES) {
      card.fail("The connection breaks again and again.", true);
    } else {
      line.lost();
      return later(card, "Waiting for the connection");
    }
    return settled();
  }
  if (error.status === 401) {
    queue.stop("key");
    askForKey(error.message, () => queue.goOn("key"));
    return later(card, "Waiting for the key");
  }
  const isBusy = error.status === 429 || error.status === 503;
  if (isBusy && ++card.refusals < MOST_REFUSALS) {
    queue.stop("busy");
    setTimeout(() => queue.goOn("busy"), 1000 * error.retryAfter);
    return later(card, "Waiting, since the service is busy");
  }
  card.fail(error.message, isBusy || error.status === 408 || !(error.status < 500));
  settled();
}

function later(card, sentence) {
  card.wait(sentence);
  queue.add(card, true);
}

function isReadable(file) {
  return file.slice(0, 1).arrayBuffer().then(() => true, () => false);
}

function ended(status) {
  gallery.cards.find(({ id }) => id === status.id)?.show(status);
  settled();
}

// Tells the outcome when nothing is left to do.
function settled() {
  const outcome = gallery.update();
  if (gallery.shown.every((card) => card.isSettled)) announce(`${outcome}.`);
}

// Deletions.

function leave(card) {
  queue.remove(card);
  card.controller?.abort();
  watch.remove(card.id);
}

function comeBack(card) {
  if (card.isUnsent) enqueue(card);
  else if (!card.isSettled) watch.add(card.id);
}

async function erase(id) {
  try {
    // It goes on when the page is left.
    await ask(`/${id}`, { method: "DELETE", headers: credentials(), keepalive: true });
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
  queue.stop("unknown service");
  while (!service) {
    service = await ask("/", { headers: { Accept: "application/json" } }).catch(() => line.lost());
    await line.ready();
  }
  options.offer(service);
  document.querySelector("#limits").append(` Up to ${limit(service.max_original_bytes)} each.`);
  queue.goOn("unknown service");
}

async function restore() {
  const cards = gallery.recall().map((known) => new Card(known, acts));
  for (const card of cards) card.enter("making", "");
  gallery.add(cards);
  for (let at = 0; at < cards.length; at += IDS) await look(cards.slice(at, at + IDS));
}

async function look(cards) {
  try {
    const { uploads } = await ask(`/uploads?ids=${cards.map(({ id }) => id)}`);
    for (const status of uploads) {
      const card = cards.find(({ id }) => id === status.id);
      if (status.status === 404) gallery.forget(card);
      else if (status.status !== "queued") card.show(status);
      else {
        card.accepted(status.id);
        watch.add(status.id);
      }
    }
    gallery.update();
  } catch (error) {
    if (!(error instanceof Lost)) throw error;
    line.lost();
    await line.ready();
    await look(cards);
  }
}

addEventListener("beforeunload", (event) => {
  if (gallery.shown.some((card) => card.isUnsent)) event.preventDefault();
});

const sample = document.querySelector("#sample");
sample.hidden = false;
sample.onclick = async () => {
  if (sample.ariaDisabled) return;
  sample.ariaDisabled = "true";
  const { samplePicture } = await import("./sample.js");
  take([await samplePicture()]);
  sample.ariaDisabled = null;
};

document.querySelector("#url").textContent = new URL("/", location.href);
listen(take);
restore();
describe();
