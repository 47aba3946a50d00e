// Waits for all jobs with one request at a time.

import { Lost } from "./line.js";
import { Aborted, ask } from "./send.js";

const IDS = 20; // in a request
const LONG = 20; // seconds that a request waits
const SHORT = 1; // the same while further uploads may be accepted
const PAUSE = 300; // milliseconds between requests that bring nothing new

export class Watch {
  // `ended` gets an id and its status; `isSending` says whether further uploads are under way.
  constructor(line, isSending, ended) {
    this.line = line;
    this.isSending = isSending;
    this.ended = ended;
    this.ids = new Set();
    this.isRunning = false;
  }

  add(id) {
    this.ids.add(id);
    // A long request does not know the new upload. This happens once at the start of a series:
    // afterwards requests are short until everything is sent.
    if (this.isLong) this.controller.abort();
    if (!this.isRunning) this.run();
  }

  remove(id) {
    this.ids.delete(id);
  }

  async run() {
    this.isRunning = true;
    while (this.ids.size) {
      const asked = [...this.ids].slice(0, IDS);
      const hasNews = await this.round(asked);
      if (hasNews) continue;
      // The others get their turn, too.
      for (const id of asked) if (this.ids.delete(id)) this.ids.add(id);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
    this.isRunning = false;
  }

  // Returns whether any job has ended.
  async round(ids) {
    this.controller = new AbortController();
    this.isLong = !this.isSending() && this.ids.size <= IDS;
    const seconds = this.isLong ? LONG : SHORT;
    try {
      const path = `/uploads?ids=${ids.join(",")}&wait=${seconds}`;
      const { uploads } = await ask(path, { signal: this.controller.signal });
      this.line.works();
      const news = uploads.filter((upload) => upload.status !== "queued");
      for (const upload of news) {
        if (this.ids.delete(upload.id)) this.ended(upload.id, upload);
      }
      return news.length > 0;
    } catch (error) {
      if (error instanceof Aborted) return true;
      if (error instanceof Lost) {
        this.line.lost();
        await this.line.ready();
      } else {
        await new Promise((resolve) => setTimeout(resolve, 1000 * SHORT));
      }
      return false;
    } finally {
      this.isLong = false;
    }
  }
}
