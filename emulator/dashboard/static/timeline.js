// The life of an upload or a message, as a line of what happened to it.

import { until } from "./ages.js";
import { h, keyed } from "./dom.js";
import { count, time, took } from "./words.js";

const blob = (event) => (event.blob === event.subject ? "" : `${event.blob.replace(`${event.subject}/`, "")} `);

const WORDS = {
  published: (event) => [event.state === "done" ? "done" : event.state === "failed" ? "failed" : "job", `published to ${event.topic}${event.state ? `: ${event.state}` : ""}`],
  delivered: (event) => ["job", `delivered by ${event.subscription}, attempt ${event.attempt}`],
  acknowledged: (event) => ["done", `acknowledged to ${event.subscription}`],
  began: (event) => ["job", event.message ? `${event.function} began, attempt ${event.attempt}, instance ${event.instance}` : `${event.method} ${event.path} to ${event.function}`],
  ended: (event) => [event.outcome, `${event.function} ${event.message ? { done: "finished", failed: "failed", killed: "was killed" }[event.outcome] : event.status < 300 ? "accepted it" : "answered"}${event.attempt ? `, attempt ${event.attempt}` : ""}${event.status ? `, ${event.status}` : ""}, ${took(event.milliseconds)}`],
  failed: (event) => ["failed", `${event.subscription}: attempt ${event.attempt} failed, it waits${event.next ? ` until ${time(event.next)}` : ""}`],
  dead: (event) => ["dead", `${event.subscription} gave up after attempt ${event.attempt}: a dead letter in ${event.topic}`],
  stored: (event) => ["done", `${blob(event)}stored in ${event.bucket}`],
};

/** Show a life in a list. */
export function timeline(list, life) {
  const entries = life.entries.filter((event) => WORDS[event.kind]).sort((a, b) => a.time - b.time);
  const first = entries[0]?.time ?? 0;
  const items = entries.map((event) => ({ key: event.sequence, event }));
  if (life.left_out) items.splice(items.length / 4, 0, { key: "left out", left: life.left_out });
  if (life.next_retry) items.push({ key: `retry ${life.next_retry}`, retry: life.next_retry });
  keyed(list, items, (item) => item.key, (item) => {
    if (item.left) return h("li", { class: "quiet" }, `${count(item.left)} more`);
    if (item.retry) return h("li", { class: "waiting" }, "next attempt ", until(h("strong"), item.retry, "until"));
    const [kind, text] = WORDS[item.event.kind](item.event);
    const since = Math.round((item.event.time - first) * 1000);
    return h("li", { class: kind }, h("div", { class: "row" }, h("time", { title: time(item.event.time) }, since ? `+${took(since)}` : time(item.event.time)), h("span", {}, text)), item.event.problem ? h("p", { class: "log" }, item.event.problem) : null);
  });
}
