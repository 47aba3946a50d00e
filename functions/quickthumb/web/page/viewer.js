// One picture, large: its thumbnails, before and after, and what can be done with it.

import { announce } from "./announcer.js";
import { copy, snippet } from "./snippets.js";
import { bytes, duration } from "./units.js";

const dialog = document.querySelector("#viewer");
const find = (selector) => dialog.querySelector(selector);
const template = document.querySelector("#size");
const [before, after, share] = [find(".before"), find(".after"), find("#share")];
const compareButton = find(".compare-button");
const COPIED = 1500; // milliseconds

export class Viewer {
  // `onDelete` is called with the card.
  constructor(onDelete) {
    find(".close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("close", () => this.clear());
    find(".sizes").addEventListener("change", (event) => this.show(event.target.value));
    compareButton.addEventListener("click", () => this.compare(before.hidden));
    share.addEventListener("input", () => this.divide());
    before.addEventListener("error", () => this.cannotCompare());
    find(".delete").addEventListener("click", () => {
      const { card } = this;
      dialog.close();
      onDelete(card);
    });
    for (const button of dialog.querySelectorAll("[data-copy]")) {
      button.addEventListener("click", () => this.copy(button));
    }
  }

  open(card, name = card.best) {
    this.card = card;
    find("h2").textContent = card.name;
    const choices = Object.entries(card.thumbnails).map(([each, thumbnail]) => {
      const label = template.content.cloneNode(true).firstElementChild;
      const { width, height, bytes: weight } = thumbnail;
      label.querySelector("input").value = each;
      label.querySelector("input").checked = each === name;
      label.querySelector("span").textContent = `${each}: ${width} × ${height}, ${bytes(weight)}`;
      return label;
    });
    find(".sizes").replaceChildren(find("legend"), ...choices);
    compareButton.hidden = !card.file;
    this.show(name);
    dialog.showModal();
  }

  show(name) {
    const { card } = this;
    const thumbnail = card.thumbnails[name];
    this.name = name;
    after.src = thumbnail.href;
    [after.width, after.height] = [thumbnail.width, thumbnail.height];
    after.alt = `Thumbnail ${name} of ${card.name}`;
    const { original } = card.status;
    const { width, height, bytes: weight } = original;
    find(".facts").textContent = `Original: ${width} × ${height}, ${bytes(weight)}.`;
    if (card.took) find(".facts").append(` Ready ${duration(card.took)} after the upload.`);
    find(".download").href = `${thumbnail.href}?download=1`;
    this.layOut(thumbnail, original);
  }

  // Both pictures lie on each other where their shapes agree, and side by side where not.
  layOut(thumbnail, original) {
    const ratio = (thumbnail.width / thumbnail.height) * (original.height / original.width);
    this.isSameShape = Math.abs(ratio - 1) < 0.03;
    find(".stage").classList.toggle("apart", !this.isSameShape);
    if (!before.hidden) this.compare(true);
  }

  compare(isOn) {
    if (isOn && !before.src) {
      before.src = URL.createObjectURL(this.card.file);
      before.alt = `Original of ${this.card.name}`;
    }
    before.hidden = !isOn;
    compareButton.ariaPressed = String(isOn);
    find(".stage").classList.toggle("comparing", isOn);
    find(".compare").hidden = !isOn || !this.isSameShape;
    this.divide();
  }

  divide() {
    find(".stage").style.setProperty("--share", `${share.value}%`);
  }

  cannotCompare() {
    if (!before.src) return;
    this.compare(false);
    compareButton.hidden = true;
    if (dialog.open) find(".close").focus();
    const sentence = "This browser cannot show the original.";
    find(".facts").append(` ${sentence}`);
    announce(sentence);
  }

  async copy(button) {
    const text = snippet(button.dataset.copy, this.card.thumbnails, this.name);
    const isCopied = await copy(text);
    const label = (button.dataset.label ??= button.textContent);
    button.textContent = isCopied ? "Copied" : "Copying failed";
    announce(button.textContent);
    clearTimeout(button.timer);
    button.timer = setTimeout(() => (button.textContent = label), COPIED);
  }

  clear() {
    this.compare(false);
    if (before.src) URL.revokeObjectURL(before.src);
    before.removeAttribute("src");
    after.removeAttribute("src");
  }
}
