// What is below the drawing: subscriptions, functions, uploads, failures, dead letters, buckets.

import { act, button, confirmed } from "./act.js";
import { age, until } from "./ages.js";
import { by, h, keyed, put, set } from "./dom.js";
import { picture, purging, showInstances } from "./nodes.js";
import { bytes, count, short, some, STATES, time, took } from "./words.js";

const RECENT = 5;
const MOST_FAILURES = 30;
const MOST_LETTERS = 50;

/** Return a link to the life of an upload or a message. */
export const about = (id) => h("a", { class: "id", href: `#upload/${encodeURIComponent(id)}`, title: id }, short(id));

/** Return a word for how a request or an upload stands. */
export const state = (name, text = STATES[name] ?? name) => h("span", { class: `state ${name}` }, text);

const COLUMNS = ["", "waiting", "in flight", "oldest", "attempts", "next retry", "delivered", "failed", "dead", ""];

/** Show the table of subscriptions. */
export function showSubscriptions(subscriptions) {
  const table = by("subscriptions");
  if (!table.tHead) {
    const names = COLUMNS.map((name) => (name ? h("th", { scope: "col" }, name) : h("td", {})));
    table.append(h("thead", {}, h("tr", {}, names)), h("tbody", {}));
  }
  keyed(table.tBodies[0], subscriptions, (each) => each.name, subscriptionRow, (row, each) => row.show(each));
}

function subscriptionRow({ name, kind }) {
  const cells = Object.fromEntries(COLUMNS.slice(1, -1).map((column) => [column, h("td", {})]));
  const link = h("a", { class: "name", href: `#subscription/${encodeURIComponent(name)}` }, name);
  const where = h("span", { class: "quiet" });
  let isPaused = false;
  const gate = h("button", { type: "button", onclick: () => act(isPaused ? "resume" : "pause", { name }) });
  const purge = button("Purge", "purge", () => purging(name), { "aria-label": `Purge ${name}`, class: "harm" });
  const row = h("tr", {}, h("th", { scope: "row" }, link, where), Object.values(cells), h("td", {}, h("div", { class: "controls" }, kind === "push" ? gate : null, purge)));
  const oldest = h("span");
  const retry = h("span");
  cells["next retry"].className = cells.waiting.className = "moment";
  cells.oldest.append(oldest);
  cells["next retry"].append(retry);
  row.show = (each) => {
    isPaused = each.paused;
    put(gate, isPaused ? "Resume" : "Pause");
    set(gate, "aria-label", `${isPaused ? "Resume" : "Pause"} ${name}`);
    put(where, kind === "letters" ? `keeps what comes to ${each.topic}` : `${each.topic ?? "?"} → ${each.push_to}${isPaused ? ", paused" : ""}`);
    put(cells.waiting, count(each.waiting) + (each.delayed ? ` (${count(each.delayed)} for a retry)` : ""));
    put(cells["in flight"], count(each.in_flight));
    moment(oldest, each.oldest, "since", each.waiting === null);
    moment(retry, each.next_retry, "until", each.waiting === null);
    put(cells.attempts, each.attempts ? `${each.attempts}${each.most_attempts ? ` of ${each.most_attempts}` : ""}` : count(each.attempts));
    put(cells.delivered, count(each.delivered));
    for (const name of ["failed", "dead"]) {
      put(cells[name], count(each[name]));
      cells[name].classList.toggle("wrong", each[name] > 0);
    }
    row.classList.toggle("paused", isPaused);
  };
  return row;
}

function moment(element, value, kind, isUntold) {
  if (value) return until(element, value, kind);
  element.removeAttribute("data-moment");
  return put(element, isUntold ? "?" : "–");
}

/** Show a card for each function, with its latest requests. */
export function showFunctions(functions) {
  keyed(by("functions"), functions, (each) => each.name, functionCard, (card, each) => card.show(each));
}

function functionCard({ name }) {
  const counts = h("span", { class: "quiet" });
  const slots = h("div", { class: "instances" });
  const list = h("ol", { class: "lines" });
  const card = h("article", { class: "card" }, h("div", { class: "row" }, h("h3", {}, h("a", { class: "name", href: `#function/${encodeURIComponent(name)}` }, name)), counts), slots, list);
  card.show = (each) => {
    const { done, failed, killed } = each.counts;
    put(counts, `${some(each.instances.length, "instance")} · ${count(done)} done · ${count(failed + killed)} failed`);
    showInstances(slots, each);
    const running = each.instances.flatMap((instance) => instance.running);
    keyed(list, [...running, ...each.recent].slice(0, RECENT), (request) => request.id, requestLine, (line, request) => line.show(request));
  };
  return card;
}

/** Return a line for a request, with a method `show`. */
export function requestLine(given) {
  const what = h("a", { class: "id", href: `#request/${encodeURIComponent(given.id)}` });
  const subject = h("span", {});
  const how = h("span", {});
  const log = h("p", { class: "log" });
  const line = h("li", {}, h("div", { class: "row" }, h("time", {}, time(given.began)), what, subject, how), log);
  let named;
  line.show = (request) => {
    if (line.outcome === request.outcome && line.logged === request.log_lines) return;
    line.outcome = request.outcome;
    line.logged = request.log_lines;
    put(what, request.message ? `attempt ${request.attempt}` : `${request.method} ${request.path.length > 40 ? `${request.path.slice(0, 40)}…` : request.path}`);
    if (request.subject && named !== request.subject) {
      named = request.subject;
      subject.replaceChildren(about(named));
    }
    const text = request.outcome === "running" ? "at work" : `${request.outcome === "done" ? "" : `${request.outcome} `}${request.status ?? ""} ${took(request.milliseconds)}`;
    how.className = `state ${request.outcome}`;
    put(how, text.trim());
    put(log, request.log.at(-1) ?? "");
  };
  return line;
}

/** Show the latest uploads and messages. */
export function showUploads(uploads) {
  keyed(by("uploads"), uploads, (each) => each.id, uploadLine, (line, each) => line.show(each));
  empty(by("uploads"), uploads.length, "Nothing yet. Send something, and watch it.");
}

function uploadLine({ id, began }) {
  const how = h("span");
  const attempts = h("span", { class: "quiet" });
  const retry = h("span", { class: "retry" });
  const line = h("li", {}, h("div", { class: "row" }, about(id), how, attempts, retry, h("span", { class: "quiet end" }, age(began), " ago")));
  line.show = (each) => {
    how.className = `state ${each.state}`;
    put(how, STATES[each.state] ?? each.state);
    put(attempts, each.attempts > 1 ? `attempt ${each.attempts}` : "");
    if (each.next_retry) until(retry, each.next_retry, "until");
    else {
      retry.removeAttribute("data-moment");
      put(retry, "");
    }
  };
  return line;
}

/** Show what has failed, latest first, with the reason; and how much, in the bar at the top. */
export function showFailures(document) {
  const failures = document.functions.flatMap((each) => each.failures);
  failures.sort((a, b) => b.time - a.time);
  keyed(by("failure-list"), failures.slice(0, MOST_FAILURES), (each) => each.sequence, failureLine);
  const failed = document.functions.reduce((sum, each) => sum + each.counts.failed + each.counts.killed, 0);
  put(by("failed-count"), `${count(failed)} failed`);
  by("failed-count").classList.toggle("wrong", failed > 0);
  put(by("failures-note"), failed > failures.length ? `the latest of ${count(failed)}` : "");
  empty(by("failure-list"), failures.length, "Nothing has failed.");
  return failed;
}

function failureLine(event) {
  const why = event.problem ?? (event.outcome === "killed" ? "Its process ended." : "It has logged nothing.");
  return h(
    "li",
    {},
    h(
      "div",
      { class: "row" },
      h("time", {}, time(event.time)),
      h("a", { class: "id", href: `#request/${encodeURIComponent(event.request)}` }, event.function),
      state(event.outcome, `${event.outcome} ${event.status ?? ""}`.trim()),
      event.attempt ? h("span", { class: "quiet" }, `attempt ${event.attempt}`) : null,
      event.subject ? about(event.subject) : null,
    ),
    h("p", { class: "log" }, why),
  );
}

/** Show the dead letters. */
export function showLetters(letters, subscriptions) {
  const kept = subscriptions.filter((each) => each.kind === "letters");
  const many = letters?.length ?? kept.reduce((sum, each) => sum + (each.waiting ?? 0), 0);
  put(by("dead-count"), some(many, "dead letter"));
  by("dead-count").classList.toggle("wrong", many > 0);
  by("requeue-all").hidden = !many;
  if (!letters) return;
  put(by("letters-note"), many > MOST_LETTERS ? `the latest ${MOST_LETTERS}` : "");
  keyed(by("letter-list"), letters.slice(0, MOST_LETTERS), (each) => each.message, letterLine);
  empty(by("letter-list"), letters.length, kept.length ? "None." : "No subscription of this topology gives up.");
}

/** Ask before a dead letter is published again. */
export async function requeueing(id) {
  const yes = await confirmed(`Publish the dead letter ${short(id)} again?`, "Requeue it");
  return yes ? { id } : null;
}

function letterLine(letter) {
  const id = letter.subject ?? letter.message;
  return h(
    "li",
    {},
    h(
      "div",
      { class: "row" },
      h("time", {}, time(letter.died)),
      h("a", { class: "id", href: `#letter/${encodeURIComponent(letter.message)}`, title: id }, short(id)),
      h("span", { class: "quiet" }, `${letter.subscription ?? letter.topic}, ${some(letter.attempts, "attempt")}`),
      button("Requeue", "requeue", () => requeueing(letter.message), { class: "end", "aria-label": `Requeue ${id}` }),
    ),
    h("p", { class: "log" }, letter.problem ?? "Why is not known."),
  );
}

/** Show the latest blobs of each bucket. */
export function showBuckets(buckets, listings) {
  keyed(by("buckets"), buckets, (each) => each.name, bucketRow, (row, each) => row.show(listings.get(each.name)));
}

function bucketRow({ name, full_name }) {
  const what = h("span", { class: "quiet" });
  const shelf = h("div", { class: "shelf" });
  const row = h("article", { class: "card" }, h("div", { class: "row" }, h("h3", {}, h("a", { class: "name", href: `#bucket/${encodeURIComponent(name)}`, title: full_name }, name)), what), shelf);
  row.show = (listing) => {
    if (!listing || row.listing === listing) return;
    row.listing = listing;
    put(what, some(listing.count, "blob") + (listing.more ? ", and more" : ""));
    keyed(shelf, listing.blobs.slice(0, 12), (blob) => blob.href + blob.updated, blobTile);
  };
  return row;
}

/** Return a small picture of a blob, or its name if it is none. */
export function blobTile(blob) {
  if (blob.content_type?.startsWith("image/") && !blob.content_type.includes("svg")) return picture(blob);
  return h("a", { class: "file", href: `#blob/${encodeURIComponent(blob.bucket)}/${encodeURIComponent(blob.name)}`, title: blob.name }, `${blob.name.split("/").at(-1)}, ${bytes(blob.size)}`);
}

function empty(list, many, text) {
  set(list, "data-empty", many ? null : text);
}
