// A fair queue: a few at a time, since browsers have few connections.

const AT_ONCE = 3;

export class Queue {
  // `work` returns when it is done with an item, and never throws.
  constructor(work) {
    this.work = work;
    this.items = [];
    this.busy = new Set();
    this.reasons = new Set(); // why nothing is begun
  }

  get isEmpty() {
    return !this.items.length && !this.busy.size;
  }

  add(item, isFirst = false) {
    if (isFirst) this.items.unshift(item);
    else this.items.push(item);
    this.go();
  }

  remove(item) {
    this.items = this.items.filter((other) => other !== item);
  }

  stop(reason) {
    this.reasons.add(reason);
  }

  goOn(reason) {
    this.reasons.delete(reason);
    this.go();
  }

  async go() {
    if (!this.items.length || this.busy.size === AT_ONCE || this.reasons.size) return;
    const item = this.items.shift();
    this.busy.add(item);
    this.go();
    await this.work(item);
    this.busy.delete(item);
    this.go();
  }
}
