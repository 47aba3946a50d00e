// One picture, large: its thumbnails, before and after, and what can be done with it.

import { announce } from "./announcer.js";
import { copy, snippet } from "./snippets.js";
import { bytes, duration } from "./units.js";

const dialog = document.querySelector("#viewer");
const find = (selector) => dialog.querySelector(selector);
const [before, after, stage, share] = [".before", ".after", ".stage", "#share"].map(find);
const [compareButton, facts] = [".compare-button", ".facts"].map(find);
const COPIED = 1500; // milliseconds

export class Viewer {
  // `onDelete` is called with the card.
  constructor(onDelete) {
    find(".close").onclick = () => dialog.close();
    dialog.addEventListener("close", () => this.clear());
    find(".sizes").onchange = (event) => this.show(event.target.value);
    compareButton.onclick = () => this.compare(before.hidden);
    share.oninput = () => this.compare(true);
    before.onerror = () => this.cannotCompare();
    find(".delete").onclick = () => {
      dialog.close();
      onDelete(this.card);
    };
    for (const button of dialog.querySelectorAll("[data-copy]")) {
      const label = button.textContent;
      button.onclick = () => this.copy(button, label);
    }
  }

  open(card) {
    this.card = card;
    find("h2").textContent = card.name;
    const choices = Object.entries(card.thumbnails).map(([each, thumbnail]) => {
      const choice = document.querySelector("#size").content.cloneNode(true).firstElementChild;
      const { width, height, bytes: weight } = thumbnail;
      const input = choice.querySelector("input");
      input.value = each;
      input.checked = each === card.best;
      choice.append(`${each}: ${width} × ${height}, ${bytes(weight)}`);
      return choice;
    });
    find(".sizes").replaceChildren(find("legend"), ...choices);
    compareButton.hidden = !card.file;
    this.show(card.best);
    dialog.showModal();
  }

  show(name) {
    const { card } = this;
    const { href, width, height } = card.thumbnails[name];
    const { original } = card.status;
    this.name = name;
    Object.assign(after, { src: href, width, height, alt: `Thumbnail ${name} of ${card.name}` });
    facts.textContent = `Original: ${original.width} × ${original.height}, ${bytes(original.bytes)}.`;
    if (card.took) facts.append(` Ready ${duration(card.took)} after the upload.`);
    find(".download").href = `${href}?download=1`;
    // Both pictures lie on each other where their shapes agree, and else side by side.
    const ratio = (width / height) * (original.height / original.width);
    stage.classList.toggle("apart", Math.abs(ratio - 1) > 0.03);
    this.compare(!before.hidden);
  }

  compare(isOn) {
    if (isOn && !before.src) {
      before.src = URL.createObjectURL(this.card.file);
      before.alt = `Original of ${this.card.name}`;
    }
    before.hidden = !isOn;
    compareButton.ariaPressed = isOn;
    stage.classList.toggle("comparing", isOn);
    stage.style.setProperty("--share", `${share.value}%`);
    find(".compare").hidden = !isOn || stage.classList.contains("apart");
  }

  cannotCompare() {
    if (!before.src) return;
    this.compare(false);
    find(".close").focus();
    compareButton.hidden = true;
    const sentence = "This browser cannot show the original.";
    facts.append(` ${sentence}`);
    announce(sentence);
  }

  async copy(button, label) {
    const text = snippet(button.dataset.copy, this.card.thumbnails, this.name);
    if (!(await copy(text))) return;
    button.textContent = "Copied";
    announce("Copied.");
    setTimeout(() => (button.textContent = label), COPIED);
  }

  clear() {
    this.compare(false);
    URL.revokeObjectURL(before.src);
    before.removeAttribute("src");
    after.removeAttribute("src");
  }
}
