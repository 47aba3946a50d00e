// The API key or upload token, asked for when the service wants one, and kept until the tab is
// closed.

import { announce } from "./announcer.js";
import { recall, remember } from "./memory.js";

const form = document.querySelector("#key");
const field = document.querySelector("#key-field");
const help = document.querySelector("#key-help");
let key = recall("key", "", "sessionStorage");
let onKey;

export function credentials() {
  if (key.startsWith("qtu1.")) return { Authorization: `Bearer ${key}` }; // an upload token
  return key ? { "X-API-Key": key } : {};
}

// `reason` is what the service said.
export function askForKey(reason, goOn) {
  onKey = goOn;
  show(`${reason} It is kept until you close this tab.`, Boolean(key));
  announce(reason);
}

function show(sentence, isWrong) {
  help.textContent = sentence;
  field.ariaInvalid = isWrong;
  form.hidden = false;
  field.focus();
}

form.onsubmit = (event) => {
  event.preventDefault();
  const given = field.value.trim();
  if (!/^[\x21-\x7e]+$/.test(given)) return show("Expected a key without spaces.", true);
  key = given;
  remember("key", key, "sessionStorage");
  document.querySelector("#file").focus();
  form.hidden = true;
  onKey();
};
