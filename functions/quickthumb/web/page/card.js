// A picture on the wall, from the moment it was chosen.

import { bytes, duration, limit } from "./units.js";

const template = document.querySelector("#card");
const WIDTH = 320; // pixels of the picture on a card, about

export class Card {
  // `known` is what is known of the picture: `name`, and `file` and `options`, or `id` and what was
  // remembered. `acts` are called with the card: `open`, `again`, `copy`, `delete`.
  constructor(known, acts) {
    Object.assign(this, known);
    // The same for each attempt, so that all of them create one upload.
    this.key = [...crypto.getRandomValues(new Uint8Array(16))].join("-");
    this.losses = 0;
    this.element = template.content.cloneNode(true).firstElementChild;
    this.find("h3").textContent = this.name;
    this.find("h3").title = this.name;
    this.find(".shot").addEventListener("click", () => acts.open(this));
    this.find(".again").addEventListener("click", () => this.state === "failed" && acts.again(this));
    this.find(".copy").addEventListener("click", () => acts.copy(this));
    this.find(".delete").addEventListener("click", () => acts.delete(this));
    this.label(".shot", `${this.name}: show details`);
    this.label(".again", `Try ${this.name} again`);
    this.label(".copy", `Copy link of ${this.name}`);
    this.label(".save", `Download thumbnail of ${this.name}`);
    this.label(".delete", `Delete ${this.name}`);
    this.acts = acts;
    this.wait();
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  label(selector, text) {
    this.find(selector).ariaLabel = text;
    this.find(selector).title = text;
  }

  // `waiting`, `sending`, `making`, `done` or `failed`.
  enter(state, sentence) {
    this.state = state;
    this.element.dataset.state = state;
    this.find(".facts").textContent = sentence;
    this.find("progress").hidden = state !== "sending";
    this.find(".shot").disabled = state !== "done";
    this.find(".copy").hidden = this.find(".save").hidden = state !== "done";
    if (state !== "failed") this.showAgain(false);
  }

  wait(sentence = "Waiting") {
    this.enter("waiting", sentence);
  }

  send() {
    this.enter("sending", "Uploading");
    this.progress(0);
  }

  progress(share) {
    if (this.state !== "sending") return;
    this.find("progress").value = share;
    this.find(".facts").textContent = `Uploading, ${Math.floor(share * 100)} %`;
  }

  // The last byte was sent.
  sent() {
    this.sentAt = performance.now();
    this.progress(1);
  }

  accepted(id) {
    this.id = id;
    this.enter("making", "Making thumbnails");
  }

  fail(sentence, mayHelp = false) {
    this.enter("failed", sentence);
    this.showAgain(mayHelp && Boolean(this.file));
  }

  showAgain(isShown) {
    const button = this.find(".again");
    if (document.activeElement === button && !isShown) this.element.focus();
    button.hidden = !isShown;
  }

  // `status` is the answer of the service about an upload that was accepted.
  show(status) {
    if (status.status === 404) return this.fail("It was deleted, or has expired.");
    if (status.status === "failed") return this.fail(status.error.detail);
    if (this.sentAt) this.took = performance.now() - this.sentAt;
    this.status = status;
    this.thumbnails = status.thumbnails;
    this.enter("done", this.facts(this.best));
    this.showPicture(this.thumbnails[this.best], status.placeholder);
    this.showSizes();
  }

  // The name of the smallest thumbnail that is large enough for a card.
  get best() {
    const byWidth = Object.entries(this.thumbnails).sort((one, two) => one[1].width - two[1].width);
    const enough = byWidth.find(([, thumbnail]) => thumbnail.width >= WIDTH);
    return (enough ?? byWidth.at(-1))[0];
  }

  // "2.1 MB → 12 kB in 34 ms"
  facts(name) {
    const change = `${bytes(this.status.original.bytes)} → ${bytes(this.thumbnails[name].bytes)}`;
    return this.took ? `${change} in ${duration(this.took)}` : change;
  }

  showPicture(thumbnail, placeholder) {
    const [image, blurred] = [this.find(".thumbnail"), this.find(".placeholder")];
    this.find(".shot").style.setProperty("--ground", placeholder?.color ?? "");
    if (placeholder) blurred.src = placeholder.data_uri;
    this.element.classList.toggle("opaque", thumbnail.content_type === "image/jpeg");
    image.addEventListener("load", () => this.element.classList.add("sharp"), { once: true });
    image.loading = "lazy";
    [image.width, image.height] = [thumbnail.width, thumbnail.height];
    image.src = thumbnail.href;
    this.find(".save").href = `${thumbnail.href}?download=1`;
  }

  showSizes() {
    const names = Object.keys(this.thumbnails);
    this.find(".chips").replaceChildren(
      ...(names.length > 1 ? names : []).map((name) => {
        const { width, height, bytes: weight } = this.thumbnails[name];
        const chip = document.createElement("button");
        chip.type = "button";
        chip.textContent = name;
        chip.title = `${width} × ${height} pixels, ${bytes(weight)}`;
        chip.ariaLabel = `${name}: ${chip.title}, of ${this.name}`;
        chip.addEventListener("click", () => this.acts.open(this, name));
        return chip;
      }),
    );
  }

  tooLarge(most) {
    this.fail(`The file has ${bytes(this.file.size)}; the limit is ${limit(most)}.`);
  }

  get isUnsent() {
    return this.state === "waiting" || this.state === "sending";
  }

  get isSettled() {
    return this.state === "done" || this.state === "failed";
  }
}
