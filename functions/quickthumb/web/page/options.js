// The options of the next uploads: checked at their field, remembered.

import { recall, remember } from "./memory.js";

const MAX_SIZE = 4096; // pixels
const MAX_SIZES = 8;

const form = document.querySelector("#upload");
const details = document.querySelector("#options");
const wrong = document.querySelector("#sizes-wrong");
const [sizes, fit, gravity, format] = ["sizes", "fit", "gravity", "format"].map(
  (name) => form.elements[name],
);
const FIELDS = [sizes, fit, gravity, format];

export class Options {
  // `onValid` is called when a mistake was corrected.
  constructor(onValid) {
    this.isOffered = true;
    form.oninput = () => {
      if (sizes.ariaInvalid === "true") this.check();
      this.show();
    };
    form.onchange = () => {
      if (!this.check()) return;
      remember("options", Object.fromEntries(FIELDS.map(({ name, value }) => [name, value])));
      onValid();
    };
  }

  // `service` is what GET / says.
  offer(service) {
    this.isOffered = service.options;
    this.sizes = service.sizes.join(","); // none where there are named thumbnails
    details.hidden = !service.options;
    const kept = { sizes: this.sizes, ...recall("options", {}) };
    for (const field of FIELDS) {
      const isOffered = [...(field.options ?? [])].some(({ value }) => value === kept[field.name]);
      if (field === sizes || isOffered) field.value = kept[field.name];
    }
    this.show();
    this.check();
  }

  // Returns whether all options are valid; says at the field what is not.
  check() {
    const mistake = this.isOffered ? mistakeIn(chosenSizes()) : "";
    wrong.textContent = mistake;
    sizes.ariaInvalid = Boolean(mistake);
    return !mistake;
  }

  showMistake() {
    details.open = true;
    sizes.focus();
  }

  // Returns pairs of name and value, without defaults, which a token need not allow.
  chosen() {
    const text = chosenSizes().join(",");
    if (!this.isOffered || !(text || this.sizes)) return [];
    const changed = this.used().filter(({ selectedIndex }) => selectedIndex);
    const pairs = changed.map(({ name, value }) => [name, value]);
    return text && text !== this.sizes ? [["sizes", text], ...pairs] : pairs;
  }

  used() {
    return fit.value === "cover" ? [fit, gravity, format] : [fit, format];
  }

  show() {
    const used = this.used();
    gravity.parentElement.hidden = !used.includes(gravity);
    const words = used.map((field) => field.selectedOptions[0].text);
    const pixels = chosenSizes().join(", ");
    const all = [pixels ? `${pixels} px` : "default sizes", ...words];
    document.querySelector("#chosen").textContent = all.join(" · ");
  }
}

function chosenSizes() {
  return sizes.value.split(",").map((part) => part.trim()).filter(Boolean);
}

function mistakeIn(given) {
  const bad = given.find((size) => !/^[0-9]+$/.test(size) || size < 1 || size > MAX_SIZE);
  if (bad) return `“${bad}” is not a size: expected whole numbers from 1 to ${MAX_SIZE}.`;
  if (given.length > MAX_SIZES) return `Expected at most ${MAX_SIZES} sizes.`;
  return "";
}
