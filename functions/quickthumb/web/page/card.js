// A picture on the wall, from the moment it was chosen.

import { bytes, duration } from "./units.js";

const template = document.querySelector("#card");
const WIDTH = 320; // pixels of the picture on a card, about

const LABELS = {
  ".shot": "Show details of",
  ".again": "Try again",
  ".copy": "Copy link of",
  ".save": "Download thumbnail of",
  ".delete": "Delete",
};

export class Card {
  // `known` has the `name`, and the `file` and its `options`, or the `id` and what was remembered.
  // `acts` are called with the card: `open`, `again`, `copy`, `delete`.
  constructor(known, acts) {
    Object.assign(this, known, { acts });
    // The same for each attempt, so that all of them create one upload.
    this.key = [...crypto.getRandomValues(new Uint8Array(16))].join("-");
    this.element = template.content.cloneNode(true).firstElementChild;
    this.find("h3").textContent = this.find("h3").title = this.name;
    for (const [selector, label] of Object.entries(LABELS)) {
      this.find(selector).ariaLabel = `${label} ${this.name}`;
    }
    this.find(".shot").onclick = () => acts.open(this);
    for (const act of ["again", "copy", "delete"]) {
      this.find(`.${act}`).onclick = () => acts[act](this);
    }
    this.wait();
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  // `waiting`, `sending`, `making`, `done` or `failed`.
  enter(state, sentence, mayTryAgain = false) {
    this.state = this.element.dataset.state = state;
    this.find(".facts").textContent = sentence;
    this.find("progress").hidden = state !== "sending";
    this.find(".shot").disabled = state !== "done";
    this.find(".copy").hidden = this.find(".save").hidden = state !== "done";
    const again = this.find(".again");
    if (document.activeElement === again && !mayTryAgain) this.element.focus();
    again.hidden = !mayTryAgain;
  }

  wait(sentence = "Waiting") {
    this.enter("waiting", sentence);
  }

  send() {
    this.enter("sending", "Uploading");
    this.progress(0);
  }

  progress(share) {
    this.find("progress").value = share;
    this.find(".facts").textContent = `Uploading, ${Math.floor(share * 100)} %`;
  }

  accepted(id) {
    this.id = id;
    this.enter("making", "Making thumbnails");
  }

  fail(sentence, mayTryAgain) {
    this.enter("failed", sentence, mayTryAgain);
  }

  // `status` is what the service says about an upload that was accepted.
  show(status) {
    if (status.status === 404) return this.fail("It was deleted, or has expired.");
    if (status.status === "failed") return this.fail(status.error.detail);
    if (this.sentAt) this.took = performance.now() - this.sentAt;
    this.status = status;
    this.thumbnails = negotiated(status);
    const thumbnail = this.thumbnails[this.best];
    // "2.1 MB → 12 kB in 34 ms"
    const change = `${bytes(status.original.bytes)} → ${bytes(thumbnail.bytes)}`;
    this.enter("done", this.took ? `${change} in ${duration(this.took)}` : change);
    this.showPicture(thumbnail, status.placeholder);
    const names = Object.keys(this.thumbnails);
    if (names.length > 1) this.find(".sizes").textContent = names.join(" · ");
  }

  // The name of the smallest thumbnail that is large enough for a card.
  get best() {
    const all = Object.entries(this.thumbnails).sort((one, other) => one[1].width - other[1].width);
    return (all.find(([, { width }]) => width >= WIDTH) ?? all.at(-1))[0];
  }

  showPicture({ href, width, height, content_type }, placeholder) {
    const image = this.find(".thumbnail");
    if (placeholder) {
      this.find(".shot").style.background = placeholder.color;
      this.find(".placeholder").src = placeholder.data_uri;
    }
    this.element.classList.toggle("opaque", content_type === "image/jpeg");
    image.addEventListener("load", () => this.element.classList.add("sharp"), { once: true });
    Object.assign(image, { loading: "lazy", width, height, src: href });
    this.find(".save").href = `${href}?download=1`;
  }

  get isUnsent() {
    return this.state === "waiting" || this.state === "sending";
  }

  get isSettled() {
    return this.state === "done" || this.state === "failed";
  }
}

// Formats between which browsers choose are one thumbnail.
function negotiated({ thumbnails: found, links }) {
  for (const [name, href] of Object.entries(links.thumbnails)) {
    const best = found[`${name}-avif`];
    if (found[name] || !best) continue;
    for (const format of ["avif", "webp", "jpeg"]) delete found[`${name}-${format}`];
    found[name] = { ...best, href };
  }
  return found;
}
