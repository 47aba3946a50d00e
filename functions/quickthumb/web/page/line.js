// The connection to the service: says when it is lost, and looks for it until it is back.

import { announce } from "./announcer.js";

const FIRST_PAUSE = 1000; // milliseconds between two attempts
const LAST_PAUSE = 15_000;

// A request that got no answer.
export class Lost extends Error {}

export class Line {
  constructor() {
    this.element = document.querySelector("#line");
    this.isDown = false;
    this.pause = FIRST_PAUSE;
    this.waiting = [];
    this.onChange = () => {};
    this.element.querySelector("button").addEventListener("click", () => this.look());
    addEventListener("online", () => this.isDown && this.look());
    addEventListener("offline", () => this.lost());
  }

  lost() {
    this.say();
    if (this.isDown) return;
    this.isDown = true;
    this.onChange();
    this.lookLater();
  }

  // A request was answered.
  works() {
    this.pause = FIRST_PAUSE;
  }

  // Returns when the connection is there.
  ready() {
    if (!this.isDown) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  async look() {
    clearTimeout(this.timer);
    const answer = await fetch("/health", { cache: "no-store" }).catch(() => null);
    if (!this.isDown) return;
    if (answer?.ok) this.found();
    else this.lookLater();
  }

  lookLater() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), this.pause);
    this.pause = Math.min(this.pause * 2, LAST_PAUSE);
    this.say();
  }

  found() {
    this.isDown = false;
    const button = this.element.querySelector("button");
    if (document.activeElement === button) document.querySelector("#file").focus();
    this.element.hidden = true;
    announce("The connection is back.");
    for (const resolve of this.waiting.splice(0)) resolve();
    this.onChange();
  }

  say() {
    const sentence = navigator.onLine
      ? "The service cannot be reached. Uploads go on as soon as it answers."
      : "You are offline. Uploads go on as soon as the connection is back.";
    const text = this.element.querySelector("p");
    if (this.element.hidden || text.textContent !== sentence) announce(sentence);
    text.textContent = sentence;
    this.element.hidden = false;
  }
}
