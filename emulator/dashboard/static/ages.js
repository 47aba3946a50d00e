// Ages and countdowns, which go on between two states.

import { h, put, set } from "./dom.js";
import { clock, span, time } from "./words.js";

/** Return an element that shows how long ago a time was. */
export const age = (since) => until(h("span", { class: "age" }), since);

/** Set the time whose distance an element shows. */
export function until(element, moment, kind = "since") {
  set(element, "data-moment", moment);
  set(element, "data-kind", kind);
  show(element);
  return element;
}

function show(element) {
  const moment = element.dataset.moment;
  if (moment === undefined) return put(element, "");
  const distance = clock.now() - Number(moment);
  if (element.dataset.kind === "since") put(element, span(distance));
  else put(element, distance < 0 ? `in ${span(-distance)}, at ${time(Number(moment))}` : "now");
}

setInterval(() => {
  if (!document.hidden) document.querySelectorAll("[data-moment]").forEach(show);
}, 1000);
