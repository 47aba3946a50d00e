// The API key, asked for when the service wants one, and kept until the tab is closed.

import { announce } from "./announcer.js";
import { recallForSession, rememberForSession } from "./memory.js";

const form = document.querySelector("#key");
const field = document.querySelector("#key-field");
const help = document.querySelector("#key-help");
let key = recallForSession("key", "");
let onKey = () => {};

export function credentials() {
  return key ? { "X-API-Key": key } : {};
}

// Shows the field; `reason` is what the service said.
export function askForKey(reason, goOn) {
  onKey = goOn;
  const sentence = `${reason} The key is kept until you close this tab.`;
  help.textContent = sentence;
  field.setAttribute("aria-invalid", String(Boolean(key)));
  if (form.hidden) {
    form.hidden = false;
    field.focus();
  }
  announce(reason);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const given = field.value.trim();
  if (!/^[\x21-\x7e]+$/.test(given)) {
    field.setAttribute("aria-invalid", "true");
    help.textContent = "A key has letters, digits and signs, without spaces.";
    field.focus();
    return;
  }
  key = given;
  rememberForSession("key", key);
  document.querySelector("#file").focus();
  form.hidden = true;
  onKey();
});
