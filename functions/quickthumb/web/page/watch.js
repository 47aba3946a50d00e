// Waits for all jobs with one request at a time.

import { Lost } from "./line.js";
import { ask } from "./send.js";

export const IDS = 20; // in a request
const LONG = 20; // seconds that a request waits
const SHORT = 1; // the same while it does not ask for all
const PAUSE = 300; // milliseconds between requests that bring nothing new

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class Watch {
  // `onEnd` gets the status of an upload that has ended; `isSending` says whether more are coming.
  constructor(line, isSending, onEnd) {
    Object.assign(this, { line, isSending, onEnd });
    this.ids = new Set();
  }

  add(id) {
    this.ids.add(id);
    // Once in a series of uploads, since requests are short until everything is sent.
    if (this.isLong) this.controller.abort();
    this.running ??= this.run();
  }

  remove(id) {
    this.ids.delete(id);
  }

  async run() {
    while (this.ids.size) {
      const asked = [...this.ids].slice(0, IDS);
      if (await this.hasNews(asked)) continue;
      // The others get their turn, too.
      for (const id of asked) if (this.ids.delete(id)) this.ids.add(id);
      await sleep(PAUSE);
    }
    this.running = undefined;
  }

  async hasNews(ids) {
    this.controller = new AbortController();
    this.isLong = !this.isSending() && this.ids.size <= IDS;
    const path = `/uploads?ids=${ids.join(",")}&wait=${this.isLong ? LONG : SHORT}`;
    try {
      const { uploads } = await ask(path, { signal: this.controller.signal });
      this.line.works();
      const news = uploads.filter(({ id, status }) => status !== "queued" && this.ids.delete(id));
      news.forEach(this.onEnd);
      return news.length;
    } catch (error) {
      if (this.controller.signal.aborted) return true;
      if (error instanceof Lost) this.line.lost();
      await Promise.all([this.line.ready(), sleep(PAUSE)]);
      return false;
    } finally {
      this.isLong = false;
    }
  }
}
