// The options of the next uploads: checked at their field, remembered.

import { recall, remember } from "./memory.js";

const NAMES = ["sizes", "fit", "gravity", "format"];
const MAX_SIZE = 4096; // pixels
const MAX_SIZES = 8;

const form = document.querySelector("#upload");
const details = document.querySelector("#options");
const wrong = document.querySelector("#sizes-wrong");
const chosen = document.querySelector("#chosen");

export class Options {
  // `onValid` is called when a mistake was corrected.
  constructor(onValid) {
    this.isOffered = true;
    this.needsSizes = false; // without sizes, the service makes its named thumbnails alone
    this.field("sizes").addEventListener("blur", () => this.check());
    form.addEventListener("input", () => {
      if (this.field("sizes").ariaInvalid === "true") this.check();
      this.show();
    });
    form.addEventListener("change", () => {
      this.show();
      if (!this.check()) return;
      remember("options", Object.fromEntries(NAMES.map((name) => [name, this.field(name).value])));
      onValid();
    });
  }

  // `service` is what GET / says.
  offer(service) {
    this.isOffered = service.options;
    this.needsSizes = !service.sizes.length;
    details.hidden = !service.options;
    const defaults = { sizes: service.sizes.join(", ") };
    for (const [name, value] of Object.entries({ ...defaults, ...recall("options", {}) })) {
      const field = NAMES.includes(name) && this.field(name);
      const fits = field && (!field.options || [...field.options].some((o) => o.value === value));
      if (fits) field.value = value;
    }
    this.show();
    this.check();
  }

  field(name) {
    return form.elements[name];
  }

  get sizes() {
    return this.field("sizes").value.split(",").map((part) => part.trim()).filter(Boolean);
  }

  // Returns whether all options are valid; says at the field what is not.
  check() {
    const mistake = this.isOffered ? mistakeIn(this.sizes) : "";
    wrong.textContent = mistake;
    this.field("sizes").setAttribute("aria-invalid", String(Boolean(mistake)));
    return !mistake;
  }

  showMistake() {
    details.open = true;
    this.field("sizes").focus();
  }

  // Returns pairs of name and value.
  chosen() {
    if (!this.isOffered || (this.needsSizes && !this.sizes.length)) return [];
    const values = NAMES.map((name) => [name, this.field(name).value]);
    const given = values.filter(([name]) => name !== "sizes");
    if (this.sizes.length) given.unshift(["sizes", this.sizes.join(",")]);
    return given.filter(([name]) => name !== "gravity" || this.field("fit").value === "cover");
  }

  show() {
    const isCover = this.field("fit").value === "cover";
    this.field("gravity").closest("div").hidden = !isCover;
    const words = ["fit", "gravity", "format"]
      .filter((name) => isCover || name !== "gravity")
      .map((name) => this.field(name).selectedOptions[0].text);
    const sizes = this.sizes.length ? `${this.sizes.join(", ")} px` : "default sizes";
    chosen.textContent = [sizes, ...words].join(" · ");
  }
}

function mistakeIn(sizes) {
  const bad = sizes.find((size) => !/^[0-9]+$/.test(size) || size < 1 || size > MAX_SIZE);
  if (bad !== undefined) return `“${bad}” is not a size: expected whole numbers from 1 to ${MAX_SIZE}.`;
  if (sizes.length > MAX_SIZES) return `${sizes.length} sizes are too many: expected at most ${MAX_SIZES}.`;
  return "";
}
