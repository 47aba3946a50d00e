// All pictures in their order: remembers and deletes them.

import { announce } from "./announcer.js";
import { recall, remember } from "./memory.js";
import { several } from "./units.js";

const REMEMBERED = 500;
const TO_UNDO = 8000; // milliseconds

const section = document.querySelector("#gallery");
const wall = document.querySelector("#wall");
const undo = document.querySelector("#undo");

export class Gallery {
  // `leave` and `comeBack` are called with a card that is taken off the wall, or put on it again;
  // `erase` deletes an upload.
  constructor({ leave, comeBack, erase }) {
    Object.assign(this, { leave, comeBack, erase });
    this.cards = [];
    this.going = []; // off the wall, but not deleted yet
    this.known = new Set(); // ids that are not those of another tab
    undo.querySelector("button").onclick = () => this.undo();
    for (const event of ["pointerenter", "focusin"]) {
      undo.addEventListener(event, () => clearTimeout(this.timer));
    }
    for (const event of ["pointerleave", "focusout"]) {
      undo.addEventListener(event, () => this.finishLater());
    }
    document.querySelector("#delete-all").onclick = () => this.delete(this.shown);
    addEventListener("keydown", (event) => {
      const isUndo = (event.ctrlKey || event.metaKey) && event.key === "z";
      if (isUndo && this.going.length && !event.target.matches("#sizes, #key-field")) this.undo();
    });
    addEventListener("pagehide", () => this.finish());
  }

  get shown() {
    return this.cards.filter((card) => !this.going.includes(card));
  }

  // Puts new cards before the older ones, in their order.
  add(cards) {
    this.cards.unshift(...cards);
    wall.prepend(...cards.map(({ element }) => element));
    this.update();
  }

  forget(card) {
    this.cards = this.cards.filter((other) => other !== card);
    card.element.remove();
    this.update();
  }

  // Shows how many there are, and returns it in words.
  update() {
    const cards = this.shown;
    const [done, failed] = ["done", "failed"].map(
      (state) => cards.filter((card) => card.state === state).length,
    );
    const ready = `${done} of ${several(cards.length, "picture")} ready`;
    const words = failed ? `${ready}, ${failed} failed` : ready;
    document.querySelector("#count").textContent = words;
    section.hidden = !cards.length;
    document.body.classList.toggle("used", cards.length > 0);
    this.soon ??= setTimeout(() => this.remember(), 200); // once for many changes
    return words;
  }

  remember() {
    clearTimeout(this.soon);
    this.soon = undefined;
    const own = this.cards.filter(({ id }) => id).map((card) => {
      const { id, name, took } = card;
      return { id, name, took, isGoing: this.going.includes(card) };
    });
    for (const { id } of own) this.known.add(id);
    const others = recall("gallery", []).filter(({ id }) => !this.known.has(id));
    remember("gallery", [...own, ...others].slice(0, REMEMBERED));
  }

  // Returns what was remembered; finishes deletions that were not.
  recall() {
    const kept = recall("gallery", []);
    for (const { id, isGoing } of kept) {
      this.known.add(id);
      if (isGoing) this.erase(id).catch(() => {});
    }
    return kept.filter(({ isGoing }) => !isGoing);
  }

  delete(cards) {
    const next = this.after(cards);
    for (const card of cards) {
      this.leave(card);
      card.element.remove();
    }
    this.going.push(...cards);
    this.update();
    focusOn(next);
    const { length } = this.going;
    const what = length === 1 ? this.going[0].name : several(length, "picture");
    const sentence = `Deleted ${what}.`;
    undo.querySelector("p").textContent = sentence;
    undo.hidden = false;
    announce(`${sentence} Press Control and Z to undo.`);
    this.finishLater();
  }

  // Returns the card that gets the focus: the one behind those that go, or else before them.
  after(cards) {
    const last = this.shown.indexOf(cards.at(-1));
    const stays = (card) => !cards.includes(card);
    return this.shown.slice(last).find(stays) ?? this.shown.slice(0, last + 1).findLast(stays);
  }

  undo() {
    const back = this.going.splice(0);
    this.putOnWall(back);
    focusOn(back[0]);
    this.hideUndo();
    announce(`${several(back.length, "picture")} restored.`);
  }

  putOnWall(cards) {
    wall.append(...this.shown.map(({ element }) => element));
    cards.forEach(this.comeBack);
    this.update();
  }

  finishLater() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.finish(), TO_UNDO);
  }

  finish() {
    this.remember(); // as going, in case that the page is left now
    for (const card of this.going.splice(0)) this.end(card);
    if (undo.contains(document.activeElement)) focusOn(this.shown[0]);
    this.hideUndo();
  }

  hideUndo() {
    clearTimeout(this.timer);
    undo.hidden = true;
  }

  async end(card) {
    this.cards = this.cards.filter((other) => other !== card);
    try {
      if (card.id) await this.erase(card.id);
      this.update();
    } catch (error) {
      this.cards.push(card);
      this.putOnWall([card]);
      announce(`${card.name} was not deleted. ${error.message}`);
    }
  }
}

function focusOn(card) {
  (card?.element ?? document.querySelector("#file")).focus();
}
