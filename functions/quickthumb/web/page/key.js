// The API key or upload token: asked for where one is needed, kept until the tab is closed.

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

// `reason` is what the service said about the key that it was sent.
export function askForKey(reason, goOn) {
  onKey = goOn;
  show(key ? reason : help.textContent, Boolean(key));
  announce(help.textContent);
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
