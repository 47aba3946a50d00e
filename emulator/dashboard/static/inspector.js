// The panel beside the page: whatever the address names, with what one can do about it.

import { act, ask, button } from "./act.js";
import { by, h, keyed, put } from "./dom.js";
import { timeline } from "./timeline.js";
import { publishForm } from "./publish.js";
import { purging, showInstances } from "./nodes.js";
import { about, blobTile, requeueing, requestLine, state as stateWord } from "./sections.js";
import { bytes, count, readable, short, some, time, took } from "./words.js";

const PAUSE = 700; // milliseconds between two looks at the API

/** Shows what the hash of the address names, and keeps it up to date. */
export class Inspector {
  constructor() {
    this.state = null;
    this.refresh = null;
    this.wanted = false;
    this.timer = 0;
    addEventListener("hashchange", () => this.open());
    by("inspector-close").addEventListener("click", () => this.close());
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !by("inspector").hidden && !by("confirm").open) this.close();
    });
  }

  /** The state has changed: look again, soon. */
  changed(state) {
    const isFirst = !this.state;
    this.state = state;
    if (isFirst) this.open();
    else if (this.refresh) this.later();
  }

  later() {
    if (this.timer) {
      this.wanted = true;
      return;
    }
    this.look();
    this.timer = setTimeout(() => {
      this.timer = 0;
      if (this.wanted) {
        this.wanted = false;
        this.later();
      }
    }, PAUSE);
  }

  async look() {
    const body = by("inspector-body");
    const { refresh } = this;
    try {
      await refresh?.(this.state);
    } catch (error) {
      if (refresh === this.refresh && !body.hasChildNodes()) body.replaceChildren(h("p", { class: "quiet" }, error.message));
    }
  }

  open() {
    const [kind, ...names] = location.hash.slice(1).split("/").map(decodeURIComponent);
    const panel = PANELS[kind];
    if (!panel || !this.state) return panel || this.hide();
    if (by("inspector").hidden) this.opener = document.activeElement;
    const body = by("inspector-body");
    body.replaceChildren();
    const [title, content, refresh] = panel(names, this.state);
    by("inspector-title").textContent = title;
    body.append(...content);
    this.refresh = refresh;
    by("inspector").hidden = false;
    document.body.classList.add("inspecting");
    by("inspector-title").focus();
    this.look();
    return undefined;
  }

  hide() {
    by("inspector").hidden = true;
    document.body.classList.remove("inspecting");
    this.refresh = null;
  }

  close() {
    history.pushState(null, "", location.pathname);
    this.hide();
    if (this.opener?.isConnected) this.opener.focus();
    else by("main").focus();
  }
}

const row = (name, ...value) => h("div", { class: "pair" }, h("dt", {}, name), h("dd", {}, ...value));
const heading = (text) => h("h3", {}, text);
const message = (data) => h("pre", { tabindex: 0 }, readable(data));
const attributes = (given) => Object.entries(given).map(([name, text]) => row(name, text));

const PANELS = {
  upload([id]) {
    const facts = h("p", { class: "row" });
    const line = h("ol", { class: "timeline" });
    const shelf = h("div", { class: "shelf large" });
    const again = button("Redeliver", "redeliver", { id }, { title: "Publishes its latest job once more" });
    const requeue = button("Requeue", "requeue", () => requeueing(id));
    requeue.hidden = true;
    const full = h("p", { class: "quiet id" }, id);
    const look = async () => {
      const life = await ask(`/api/uploads/${encodeURIComponent(id)}`);
      facts.replaceChildren(life.state ? stateWord(life.state) : "", ...(life.attempts ? [some(life.attempts, "attempt")] : []));
      requeue.hidden = life.state !== "dead";
      timeline(line, life);
      keyed(shelf, life.blobs ?? [], (blob) => blob.href + blob.updated, (blob) => h("figure", {}, blobTile(blob), h("figcaption", {}, `${blob.bucket}, ${bytes(blob.size)}`)));
    };
    return [short(id), [full, facts, h("div", { class: "buttons" }, again, requeue), line, shelf], look];
  },

  request([id]) {
    const facts = h("dl");
    const log = h("pre", { tabindex: 0 });
    const look = async () => {
      const request = await ask(`/api/requests/${encodeURIComponent(id)}`);
      const status = request.outcome === "running" ? "" : ` ${request.status ?? ""}`;
      facts.replaceChildren(
        row("function", h("a", { href: `#function/${encodeURIComponent(request.function)}` }, request.function), `, instance ${request.instance}`),
        row("request", `${request.method} ${request.path}`),
        row("began", time(request.began)),
        row("outcome", stateWord(request.outcome, `${request.outcome}${status}`), ` ${took(request.milliseconds)}`),
        ...(request.message ? [row("message", request.message), row("attempt", count(request.attempt))] : []),
        ...(request.subjects.length ? [row("about", ...request.subjects.map(about))] : []),
      );
      put(log, request.log.join("\n") || "It has logged nothing.");
    };
    return ["Request", [facts, heading("Log"), log], look];
  },

  function([name]) {
    const slots = h("div", { class: "instances" });
    const each = h("ul", { class: "lines" });
    const list = h("ol", { class: "lines" });
    const facts = h("p", { class: "quiet" });
    const show = (state) => {
      const known = state.functions.find((one) => one.name === name);
      if (!known) return put(facts, "This topology has no such function.");
      put(facts, `${known.trigger}, at ${known.url}, ${known.concurrency} requests at once in an instance`);
      showInstances(slots, known);
      keyed(each, known.instances, (one) => one.pid, (one) => h("li", { class: "row" }, `instance ${one.number}, process ${one.pid}`, button("Kill", "kill", { function: name, instance: one.number }, { class: "harm end", "aria-label": `Kill instance ${one.number} of ${name}` })));
      const running = known.instances.flatMap((one) => one.running);
      return keyed(list, [...running, ...known.recent], (request) => request.id, requestLine, (line, request) => line.show(request));
    };
    return [name, [facts, slots, each, heading("Latest requests"), list], show];
  },

  subscription([name]) {
    const list = h("ol", { class: "lines" });
    const note = h("p", { class: "quiet" });
    const pauses = h("p", { class: "quiet" });
    const find = (state) => state.subscriptions.find((each) => each.name === name);
    const gate = h("button", { type: "button", onclick: () => act(find(inspected.state).paused ? "resume" : "pause", { name }) });
    const poison = button("Poison", "poison", { subscription: name });
    const purge = button("Purge", "purge", () => purging(name), { class: "harm" });
    const look = async (state) => {
      const known = find(state);
      if (!known) return put(note, "This topology has no such subscription.");
      gate.hidden = known.kind !== "push";
      put(pauses, known.backoff ? `Between two attempts it waits ${known.backoff[0]} to ${known.backoff[1]} seconds${known.most_attempts ? `, and after ${known.most_attempts} attempts it gives up` : ""}.` : "");
      poison.hidden = !known.dead_letter_topic;
      put(gate, known.paused ? "Resume" : "Pause");
      const { messages, untold } = await ask(`/api/subscriptions/${encodeURIComponent(name)}/messages`);
      put(note, untold ?? (messages.length ? "Nothing is taken by looking." : "No messages."));
      return keyed(list, messages ?? [], (each) => `${each.message} ${JSON.stringify([each.state, each.attempt, each.attempts, each.next])}`, peeked);
    };
    return [name, [h("div", { class: "buttons" }, gate, poison, purge), pauses, note, list], look];
  },

  topic: ([name], state) => [`Publish to ${name}`, publishForm(state, name), null],
  publish: (_, state) => ["Publish a message", publishForm(state), null],

  letter([id]) {
    const body = h("div");
    const look = async () => {
      const { letters } = await ask("/api/letters");
      const letter = letters.find((each) => each.message === id);
      if (!letter) return body.replaceChildren(h("p", { class: "quiet" }, "It is no longer here."));
      if (body.dataset.shown) return undefined;
      body.dataset.shown = id;
      return body.replaceChildren(
        h("dl", {}, row("died", time(letter.died)), row("of", letter.subscription ?? "?"), row("attempts", count(letter.attempts)), row("because", letter.problem ?? "?"), ...(letter.subject ? [row("about", about(letter.subject))] : [])),
        h("div", { class: "buttons" }, button("Requeue", "requeue", () => requeueing(id))),
        heading("Attributes"),
        h("dl", {}, attributes(letter.attributes)),
        heading("Data"),
        message(letter.data),
      );
    };
    return ["Dead letter", [h("p", { class: "quiet id" }, id), body], look];
  },

  bucket([name]) {
    const prefix = h("input", { type: "search", id: "prefix", oninput: () => inspected.later() });
    const note = h("p", { class: "quiet" });
    const list = h("ul", { class: "lines" });
    const look = async () => {
      const query = new URLSearchParams({ prefix: prefix.value, limit: 100 });
      const listing = await ask(`/api/buckets/${encodeURIComponent(name)}?${query}`);
      put(note, `${some(listing.count, "blob")}${listing.more ? ", and more" : ""}; the latest first`);
      keyed(list, listing.blobs, (blob) => blob.href + blob.updated, (blob) =>
        h("li", { class: "row" }, blobTile(blob), h("a", { class: "id", href: `#blob/${encodeURIComponent(name)}/${encodeURIComponent(blob.name)}` }, blob.name), h("span", { class: "quiet end" }, `${bytes(blob.size)}, ${time(Date.parse(blob.updated) / 1000)}`)));
    };
    return [name, [h("label", { for: "prefix" }, "Names that begin with "), prefix, note, list], look];
  },

  blob([bucket, name]) {
    const body = h("div");
    const id = /[0-9a-f]{32}/.exec(name)?.[0];
    const look = async () => {
      if (body.dataset.shown) return;
      body.dataset.shown = name;
      const listing = await ask(`/api/buckets/${encodeURIComponent(bucket)}?${new URLSearchParams({ prefix: name, limit: 1 })}`);
      const blob = listing.blobs.find((each) => each.name === name);
      const href = blob?.href ?? `/api/buckets/${encodeURIComponent(bucket)}/blobs/${name.split("/").map(encodeURIComponent).join("/")}`;
      const kind = blob?.content_type ?? "";
      body.replaceChildren(h("dl", {}, row("name", name), ...(blob ? [row("type", kind), row("size", bytes(blob.size)), row("stored", time(Date.parse(blob.updated) / 1000))] : []), ...(id ? [row("about", about(id))] : [])));
      if (kind.startsWith("image/")) body.append(h("img", { src: href, alt: name, class: "whole" }));
      else if (/json|text/.test(kind) && blob.size < 1e5) body.append(h("pre", { tabindex: 0 }, await (await fetch(href)).text()));
      body.append(h("p", {}, h("a", { href, download: name.split("/").at(-1) }, "Download")));
    };
    return [bucket, [body], look];
  },
};

function peeked(each) {
  const facts = ["state", "attempts", "attempt"].filter((name) => each[name]).map((name) => (name === "state" ? each[name] : `${name} ${each[name]}`));
  return h(
    "li",
    {},
    h("div", { class: "row" }, h("time", {}, time(each.published)), about(each.message), h("span", { class: "quiet" }, facts.join(", "), each.next ? `, next at ${time(each.next)}` : "")),
    each.problem ? h("p", { class: "log" }, each.problem) : null,
    h("details", {}, h("summary", {}, "Look into it"), h("dl", {}, attributes(each.attributes ?? {})), message(each.data)),
  );
}

export const inspected = new Inspector();
