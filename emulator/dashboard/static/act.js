// What one can do: each button posts to an address of the API, and its answer is shown.

import { by, h } from "./dom.js";

const SHOWN_SECONDS = 8;

/** Ask for a document of the API; errors have a sentence that can be shown. */
export async function ask(path, options = {}) {
  const answer = await fetch(path, options).catch(() => {
    throw new Error("The local cloud does not answer. Does `up` still run?");
  });
  const document = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(document.detail ?? `The answer was ${answer.status}.`);
  return document;
}

/** Do something, and show what the answer says; return the answer, null if it was refused. */
export async function act(name, members = {}) {
  const headers = { "Content-Type": "application/json" };
  try {
    const answer = await ask(`/api/actions/${name}`, { method: "POST", headers, body: JSON.stringify(members) });
    notice(answer.text);
    return answer;
  } catch (error) {
    notice(error.message, true);
    return null;
  }
}

/** Return a button that does something; it cannot be pressed again before that is done. */
export function button(text, name, members, attributes = {}) {
  const press = async (event) => {
    const pressed = event.currentTarget;
    if (pressed.ariaDisabled === "true") return;
    pressed.ariaDisabled = "true";
    const given = typeof members === "function" ? await members() : members;
    if (given) await act(name, given);
    pressed.ariaDisabled = null;
  };
  return h("button", { type: "button", onclick: press, ...attributes }, text);
}

/** Show a sentence for a while. */
export function notice(text, isWrong = false) {
  const shown = h("p", { class: isWrong ? "notice wrong" : "notice" }, text);
  by("notices").append(shown);
  while (by("notices").children.length > 3) by("notices").firstElementChild.remove();
  setTimeout(() => shown.remove(), SHOWN_SECONDS * 1000);
}

/** Ask whether to do something; return whether it was confirmed. */
export function confirmed(question, yes) {
  const dialog = by("confirm");
  by("confirm-text").textContent = question;
  by("confirm-yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  by("confirm-no").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

by("confirm-yes").addEventListener("click", () => by("confirm").close("yes"));
by("confirm-no").addEventListener("click", () => by("confirm").close("no"));
