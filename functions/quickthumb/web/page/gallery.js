// All pictures in their order: remembers them, and deletes them after there was time to undo it.

import { announce } from "./announcer.js";
import { recall, remember } from "./memory.js";
import { several } from "./units.js";

const REMEMBERED = 500;
const TO_UNDO = 8000; // milliseconds

const section = document.querySelector("#gallery");
const wall = document.querySelector("#wall");
const count = document.querySelector("#count");
const undo = document.querySelector("#undo");

export class Gallery {
  // `leave` and `comeBack` are called with a card that is taken off the wall, or put on it again;
  // `erase` deletes an upload.
  constructor({ leave, comeBack, erase }) {
    Object.assign(this, { leave, comeBack, erase });
    this.cards = [];
    this.going = []; // off the wall, but not deleted yet
    undo.querySelector("button").addEventListener("click", () => this.undo());
    for (const event of ["pointerenter", "focusin"]) undo.addEventListener(event, () => this.hold());
    for (const event of ["pointerleave", "focusout"]) undo.addEventListener(event, () => this.start());
    document.querySelector("#delete-all").addEventListener("click", () => this.delete(this.shown));
    addEventListener("keydown", (event) => {
      const isText = event.target.matches?.("input:not([type=radio], [type=range], [type=file])");
      const isUndo = (event.ctrlKey || event.metaKey) && event.key === "z" && !event.shiftKey;
      if (isUndo && !isText && this.going.length) {
        event.preventDefault();
        this.undo();
      }
    });
    addEventListener("pagehide", () => this.finish());
  }

  get shown() {
    return this.cards.filter((card) => !this.going.includes(card));
  }

  // Puts new cards before the older ones, in their order.
  add(cards) {
    this.cards.unshift(...cards);
    wall.prepend(...cards.map((card) => card.element));
    this.update();
  }

  // Puts cards that were remembered behind the others.
  append(cards) {
    this.cards.push(...cards);
    wall.append(...cards.map((card) => card.element));
    this.update();
  }

  update() {
    const cards = this.shown;
    const number = (state) => cards.filter((card) => card.state === state).length;
    const [done, failed] = [number("done"), number("failed")];
    const words = done === cards.length ? [several(done, "picture")] : [`${done} of ${cards.length} ready`];
    if (failed) words.push(`${failed} failed`);
    count.textContent = words.join(" · ");
    section.hidden = !cards.length;
    document.body.classList.toggle("used", cards.length > 0);
    this.rememberSoon();
  }

  // Once for many changes.
  rememberSoon() {
    this.soon ??= setTimeout(() => this.remember(), 200);
  }

  remember() {
    clearTimeout(this.soon);
    this.soon = undefined;
    const own = this.cards.filter((card) => card.id).map((card) => ({
      id: card.id,
      name: card.name,
      took: card.took,
      ...(this.going.includes(card) && { isGoing: true }),
    }));
    // Those of another tab stay.
    this.known ??= new Set();
    for (const { id } of own) this.known.add(id);
    const others = recall("gallery", []).filter(({ id }) => !this.known.has(id));
    remember("gallery", [...own, ...others].slice(0, REMEMBERED));
  }

  // Returns what was remembered; finishes deletions that were not.
  recall() {
    const kept = recall("gallery", []);
    this.known = new Set(kept.map(({ id }) => id));
    for (const { id } of kept.filter(({ isGoing }) => isGoing)) this.erase(id).catch(() => {});
    return kept.filter(({ isGoing }) => !isGoing);
  }

  forget(card) {
    this.cards = this.cards.filter((other) => other !== card);
    card.element.remove();
    this.update();
  }

  delete(cards) {
    if (!cards.length) return;
    const next = this.next(cards);
    for (const card of cards) {
      this.leave(card);
      card.element.remove();
    }
    this.going.push(...cards);
    this.update();
    (next?.element ?? document.querySelector("#file")).focus();
    const what = this.going.length === 1 ? this.going[0].name : several(this.going.length, "picture");
    undo.querySelector("p").textContent = `Deleted ${what}.`;
    undo.hidden = false;
    announce(`Deleted ${what}. Press Control and Z to undo.`);
    this.start();
  }

  // Returns the card that gets the focus: the one behind those that go, or else before them.
  next(cards) {
    const shown = this.shown;
    const last = shown.indexOf(cards.at(-1));
    const stays = (card) => !cards.includes(card);
    return shown.slice(last).find(stays) ?? shown.slice(0, last + 1).findLast(stays);
  }

  start() {
    clearTimeout(this.timer);
    if (this.going.length) this.timer = setTimeout(() => this.finish(), TO_UNDO);
  }

  hold() {
    clearTimeout(this.timer);
  }

  undo() {
    const back = this.going.splice(0);
    this.hideUndo();
    wall.append(...this.cards.map((card) => card.element));
    for (const card of back) this.comeBack(card);
    this.update();
    back[0]?.element.focus();
    announce(`${several(back.length, "picture")} restored.`);
  }

  hideUndo() {
    clearTimeout(this.timer);
    if (undo.contains(document.activeElement)) {
      (this.shown[0]?.element ?? document.querySelector("#file")).focus();
    }
    undo.hidden = true;
  }

  finish() {
    this.remember(); // as going, in case that the page is left before the service answers
    for (const card of this.going.splice(0)) this.end(card);
    this.hideUndo();
  }

  async end(card) {
    try {
      if (card.id) await this.erase(card.id);
      this.cards = this.cards.filter((other) => other !== card);
    } catch (error) {
      wall.append(...this.shown.map((each) => each.element));
      this.comeBack(card);
      announce(`${card.name} was not deleted. ${error.message}`);
    }
    this.update();
  }
}
