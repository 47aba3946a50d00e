// The blobs of the buckets, fetched again when something has happened.

import { ask } from "./act.js";

const SHORTEST = 1500; // milliseconds between two looks at a bucket
const LONGEST = 4000;
const SHARE = 6; // a look may take a sixth of the time

/** Keeps the latest blobs of each bucket, by name. */
export class Listings extends Map {
  constructor(changed) {
    super();
    this.changed = changed;
    this.timer = 0;
  }

  /** Fetch what may have changed, not more often than it is cheap. */
  look(buckets) {
    if (this.timer || document.hidden) {
      this.wanted = buckets;
      return;
    }
    this.timer = setTimeout(async () => {
      this.wanted = null;
      const began = performance.now();
      for (const each of buckets) {
        try {
          this.set(each.name, await ask(`/api/buckets/${encodeURIComponent(each.name)}?limit=24`));
        } catch {
          // The server starts, or is being restarted: the next look will tell.
        }
      }
      this.changed();
      setTimeout(() => {
        this.timer = 0;
        if (this.wanted) this.look(this.wanted);
      }, Math.min(LONGEST, Math.max(SHORTEST, (performance.now() - began) * SHARE)));
    }, 250);
  }
}
