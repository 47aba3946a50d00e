// Sends small files in a request, and large ones to where the service says.

import { credentials } from "./key.js";
import { Lost } from "./line.js";
import { recall, remember } from "./memory.js";

// What the service says about a request that it rejects.
export class Refusal extends Error {
  constructor(status, document, retryAfter) {
    super(document?.detail ?? `The service answered with status ${status}.`);
    this.status = status;
    this.retryAfter = Number(retryAfter) || 2; // seconds
  }
}

// Returns the JSON of an answer, null if it has none.
export async function ask(path, options) {
  const answer = await fetch(path, options).catch(() => {
    throw new Lost();
  });
  const document = await answer.json().catch(() => null);
  if (answer.ok) return document;
  throw new Refusal(answer.status, document, answer.headers.get("Retry-After"));
}

// XMLHttpRequest, since fetch does not report the progress of an upload.
function transfer(method, url, headers, body, { onProgress, onSent, signal }) {
  const request = new XMLHttpRequest();
  request.open(method, url);
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  request.upload.onprogress = (event) => onProgress(event.loaded, event.total);
  request.upload.onload = onSent;
  signal.addEventListener("abort", () => request.abort());
  return new Promise((resolve, reject) => {
    request.onload = () => resolve(request);
    request.onerror = request.onabort = () => reject(new Lost());
    request.send(body);
  });
}

function refusal(request) {
  const document = request.getResponseHeader("Content-Type")?.includes("json") && read(request);
  return new Refusal(request.status, document, request.getResponseHeader("Retry-After"));
}

function read(request) {
  return JSON.parse(request.responseText);
}

// Returns the id. An item has a `file`, `options`, and a `key` that is the same for each attempt,
// so that all of them create one upload.
export async function send(item, mostBytes, listeners) {
  const { file, options, key } = item;
  if (file.size > mostBytes) return sendLarge(item, listeners);
  const body = new FormData();
  for (const [name, value] of options) body.append(name, value);
  body.append("file", file);
  const headers = { "Idempotency-Key": key, ...credentials() };
  const onProgress = (loaded, total) => listeners.onProgress(loaded / total);
  const request = await transfer("POST", "/", headers, body, { ...listeners, onProgress });
  const id = request.status === 202 && read(request)?.id;
  if (!id) throw refusal(request);
  return id;
}

// Upload sessions are kept by file: one that is chosen again after a reload goes on.
const MOST_SESSIONS = 50;

function keepSession(name, session) {
  const others = Object.entries(recall("sessions", {})).filter(([other]) => other !== name);
  const all = session ? [[name, session], ...others] : others;
  remember("sessions", Object.fromEntries(all.slice(0, MOST_SESSIONS)));
}

async function announced({ file, options, key }) {
  const given = Object.fromEntries(options);
  if (given.sizes) given.sizes = given.sizes.split(",").map(Number);
  const { id, upload } = await ask("/uploads", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": key, ...credentials() },
    body: JSON.stringify({ filename: file.name, size: file.size, options: given }),
  });
  return { id, url: upload.url };
}

async function sendLarge(item, listeners) {
  const { file, options } = item;
  const name = JSON.stringify([file.name, file.size, file.lastModified, options]);
  let session = recall("sessions", {})[name];
  let start = 0;
  if (session) {
    start = await put(session.url, `*/${file.size}`, null, file.size, listeners);
  } else {
    session = await announced(item);
    keepSession(name, session);
  }
  while (start !== null && start < file.size) {
    const at = start;
    const onProgress = (loaded) => listeners.onProgress((at + loaded) / file.size);
    const range = `${at}-${file.size - 1}/${file.size}`;
    start = await put(session.url, range, file.slice(at), file.size, { ...listeners, onProgress });
  }
  keepSession(name, null);
  if (start !== null) return session.id;
  item.key += "-again"; // the session is gone: begin again
  return sendLarge(item, listeners);
}

// Returns how many bytes have arrived, null if the session does not exist any more.
// https://docs.cloud.google.com/storage/docs/performing-resumable-uploads
async function put(url, range, body, size, listeners) {
  const headers = { "Content-Range": `bytes ${range}` };
  const request = await transfer("PUT", url, headers, body, listeners);
  if (request.status === 200 || request.status === 201) return size;
  if (request.status === 404 || request.status === 410) return null;
  if (request.status !== 308) throw refusal(request);
  const last = /-(\d+)$/.exec(request.getResponseHeader("Range"));
  return last ? Number(last[1]) + 1 : 0;
}
