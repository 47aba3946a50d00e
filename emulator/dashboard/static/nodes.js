// What the nodes of the drawing show, one maker for each kind.

import { act, button, confirmed } from "./act.js";
import { until } from "./ages.js";
import { h, keyed, put, set } from "./dom.js";
import { count, some } from "./words.js";

const MOST_SLOTS = 40;
const MOST_ROWS = 6;

/** Return the element of a node, with a method `show` that gets what the state says of it. */
export function nodeOf(kind, name) {
  const element = MAKERS[kind](name);
  element.classList.add("node", kind);
  return element;
}

const title = (href, name) => h("a", { class: "name", href }, name);

const MAKERS = {
  client(name) {
    const element = h("div", {}, h("span", { class: "name" }, name));
    element.show = () => {};
    return element;
  },

  function(name) {
    const what = h("span", { class: "what" });
    const slots = h("div", { class: "instances" });
    const more = h("span", { class: "what more" });
    const number = h("span", { class: "number" });
    const size = { wanted: 1, most: 1, isSending: false };
    const showSize = () => {
      put(number, some(size.wanted, "instance"));
      set(fewer, "aria-disabled", size.wanted <= 1 ? "true" : null);
      set(another, "aria-disabled", size.wanted >= size.most ? "true" : null);
    };
    // Starting an instance takes seconds: what is pressed meanwhile is sent afterwards, at once.
    const scale = (by) => async () => {
      size.wanted = Math.max(1, Math.min(size.most, size.wanted + by));
      showSize();
      if (size.isSending) return;
      size.isSending = true;
      let sent;
      do {
        sent = size.wanted;
        if (!(await act("scale", { function: name, instances: sent }))) break;
      } while (sent !== size.wanted);
      size.isSending = false;
    };
    const fewer = h("button", { type: "button", onclick: scale(-1), "aria-label": `One instance of ${name} less` }, "−");
    const another = h("button", { type: "button", onclick: scale(1), "aria-label": `One instance of ${name} more` }, "+");
    const kill = button("Kill", "kill", { function: name }, { class: "harm", "aria-label": `Kill an instance of ${name}`, title: "Ends the busiest instance like a crash" });
    const controls = h("div", { class: "controls" }, fewer, number, another, kill);
    const element = h("div", {}, h("div", { class: "row" }, title(`#function/${encodeURIComponent(name)}`, name), what), slots, more, controls);
    element.show = (state, all) => {
      const schedule = all.schedules.find((each) => each.function === name);
      const trigger = state.trigger === "http" ? "HTTP" : schedule ? schedule.cron : "Pub/Sub";
      put(what, state.slow ? `+${state.slow} s a job` : trigger);
      showInstances(slots, state);
      put(more, state.instances.length > MOST_ROWS ? `and ${state.instances.length - MOST_ROWS} more` : "");
      size.most = state.most_instances;
      if (!size.isSending) size.wanted = state.wanted_instances;
      showSize();
      controls.hidden = !state.is_watched;
    };
    return element;
  },

  subscription(name) {
    const waiting = h("strong", { class: "count" });
    const rail = h("div", { class: "rail", "aria-hidden": "true" }, h("i", { class: "ready" }), h("i", { class: "delayed" }));
    const facts = h("p", { class: "what" });
    const retries = h("span");
    const next = h("span");
    const retry = h("p", { class: "retry" }, retries, next);
    let isPaused = false;
    const gate = h("button", { type: "button", onclick: () => act(isPaused ? "resume" : "pause", { name }) });
    const element = h(
      "div",
      {},
      h("div", { class: "row" }, title(`#subscription/${encodeURIComponent(name)}`, name), waiting, gate),
      rail,
      facts,
      retry,
    );
    element.show = (state) => {
      isPaused = state.paused;
      put(gate, isPaused ? "Resume" : "Pause");
      set(gate, "aria-label", `${isPaused ? "Resume" : "Pause"} ${name}`);
      element.classList.toggle("paused", isPaused);
      put(waiting, `${count(state.waiting)} waiting`);
      showRail(rail, state);
      put(facts, `${count(state.in_flight)} in flight · ${count(state.delivered)} delivered${isPaused ? " · paused" : ""}`);
      retries.hidden = next.hidden = !state.next_retry;
      put(retries, state.delayed === 1 ? "1 retry waits: " : `${count(state.delayed)} retries wait, the next `);
      if (state.next_retry) until(next, state.next_retry, "until");
    };
    return element;
  },

  topic(name) {
    const what = h("span", { class: "what" });
    const letters = h("a", { class: "chip", href: "#letters" });
    const element = h("div", {}, title(`#topic/${encodeURIComponent(name)}`, name), what, letters);
    element.show = (state, all) => {
      put(what, state.published === null ? "topic" : `${count(state.published)} published`);
      const kept = all.subscriptions.filter((each) => each.kind === "letters" && each.topic === name);
      const many = kept.reduce((sum, each) => sum + (each.waiting ?? 0) + (each.in_flight ?? 0), 0);
      element.classList.toggle("dead", state.dead_letters_of.length > 0);
      letters.hidden = !kept.length || !many;
      put(letters, some(many, "letter"));
    };
    return element;
  },

  bucket(name) {
    const what = h("span", { class: "what" });
    const shelf = h("div", { class: "shelf" });
    const element = h("div", {}, h("div", { class: "row" }, title(`#bucket/${encodeURIComponent(name)}`, name), what), shelf);
    element.show = (state, all) => {
      const listing = all.listings.get(name);
      put(what, listing ? some(listing.count, "blob") + (listing.more ? "+" : "") : "bucket");
      const pictures = (listing?.blobs ?? []).filter((blob) => blob.content_type?.startsWith("image/") && !blob.content_type.includes("svg"));
      keyed(shelf, pictures.slice(0, 5), (blob) => blob.href + blob.updated, picture);
    };
    return element;
  },
};

/** Return a small picture of a blob, which leads to what it belongs to. */
export function picture(blob) {
  return h(
    "a",
    { href: `#blob/${encodeURIComponent(blob.bucket)}/${encodeURIComponent(blob.name)}`, title: blob.name },
    h("img", { src: blob.href, alt: blob.name, loading: "lazy", decoding: "async", width: 40, height: 40 }),
  );
}

/** Show instances as rows of slots, of which as many are busy as there are requests. */
export function showInstances(element, state) {
  keyed(
    element,
    state.instances.slice(0, MOST_ROWS),
    (each) => `${each.pid}`,
    () => h("div", { class: "slots", role: "img" }, h("i", { class: "busy" })),
    (row, each) => {
      const most = Math.min(MOST_SLOTS, state.concurrency);
      const busy = Math.min(most, each.running.length);
      const style = `${most} ${busy}`;
      if (row.dataset.slots === style) return;
      row.dataset.slots = style;
      row.style.setProperty("--slots", most);
      row.style.setProperty("--busy", busy);
      set(row, "aria-label", `Instance ${each.number}: busy in ${each.running.length} of ${state.concurrency}`);
      set(row, "title", `Instance ${each.number}, process ${each.pid}: busy in ${each.running.length} of ${state.concurrency}`);
    },
  );
}

function showRail(rail, state) {
  const delayed = state.delayed ?? 0;
  const ready = (state.waiting ?? 0) - delayed;
  rail.style.setProperty("--all", ready + delayed);
  rail.firstElementChild.style.setProperty("--tickets", ready);
  rail.lastElementChild.style.setProperty("--tickets", delayed);
}

/** Ask before messages are dropped. */
export async function purging(name) {
  const yes = await confirmed(`Drop all messages of ${name}, whether they wait or are in flight?`, "Drop them");
  return yes ? { name } : null;
}
