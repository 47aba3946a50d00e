// The connection to the service: says when it is lost, and looks for it until it is back.

import { announce } from "./announcer.js";

const FIRST_PAUSE = 1000; // milliseconds between two attempts
const LAST_PAUSE = 15_000;

const element = document.querySelector("#line");
const text = element.querySelector("p");
const button = element.querySelector("button");

// A request that got no answer.
export class Lost extends Error {}

export class Line {
  // `onChange` is called when the connection is lost, and when it is back.
  constructor(onChange) {
    this.onChange = onChange;
    this.isDown = false;
    this.pause = FIRST_PAUSE;
    button.onclick = () => this.look();
    addEventListener("online", () => this.isDown && this.look());
    addEventListener("offline", () => this.lost());
  }

  lost() {
    const who = navigator.onLine ? "The service cannot be reached." : "You are offline.";
    const sentence = `${who} Uploads go on as soon as the connection is back.`;
    if (element.hidden || text.textContent !== sentence) announce(sentence);
    text.textContent = sentence;
    element.hidden = false;
    if (this.isDown) return;
    this.isDown = true;
    this.back = new Promise((resolve) => (this.resolve = resolve));
    this.onChange();
    this.lookLater();
  }

  // A request was answered.
  works() {
    this.pause = FIRST_PAUSE;
  }

  // Returns when the connection is there.
  async ready() {
    return this.isDown && this.back;
  }

  async look() {
    clearTimeout(this.timer);
    const answer = await fetch("/health", { cache: "no-store" }).catch(() => null);
    if (this.isDown) answer?.ok ? this.found() : this.lookLater();
  }

  lookLater() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), this.pause);
    this.pause = Math.min(this.pause * 2, LAST_PAUSE);
    this.lost();
  }

  found() {
    this.isDown = false;
    if (document.activeElement === button) document.querySelector("#file").focus();
    element.hidden = true;
    announce("The connection is back.");
    this.resolve();
    this.onChange();
  }
}
