// Sends files: small ones in a request, large ones to where the service says, piece by piece after
// an interruption.

import { credentials } from "./key.js";
import { Lost } from "./line.js";
import { recall, remember } from "./memory.js";

// What the service says about a request that it rejects.
export class Refusal extends Error {
  constructor(status, document, retryAfter) {
    super(document?.detail ?? `The service answered with status ${status}.`);
    this.status = status;
    this.field = document?.field;
    this.retryAfter = retryAfter;
  }
}

export class Aborted extends Error {}

const RETRY_AFTER = 2; // seconds

// Returns the JSON of an answer, null if it has none.
export async function ask(path, options = {}) {
  const answer = await fetch(path, options).catch((error) => {
    throw error.name === "AbortError" ? new Aborted() : new Lost();
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
  request.upload.addEventListener("progress", (event) => onProgress?.(event.loaded, event.total));
  request.upload.addEventListener("load", () => onSent?.());
  const abort = () => request.abort();
  signal?.addEventListener("abort", abort);
  return new Promise((resolve, reject) => {
    request.addEventListener("load", () => resolve(request));
    request.addEventListener("error", () => reject(new Lost()));
    request.addEventListener("abort", () => reject(new Aborted()));
    request.send(body);
  }).finally(() => signal?.removeEventListener("abort", abort));
}

function read(request) {
  try {
    return JSON.parse(request.responseText);
  } catch {
    return null;
  }
}

// A file is `{file, options, key, largest}`; `key` is the same for each attempt, so that all of
// them create one upload. Returns the id.
export function send(item, mostBytes, listeners) {
  return item.file.size > mostBytes ? sendLarge(item, listeners) : sendSmall(item, listeners);
}

async function sendSmall({ file, options, key }, listeners) {
  const body = new FormData();
  for (const [name, value] of options) body.append(name, value);
  body.append("file", file);
  const headers = { "Idempotency-Key": key, ...credentials() };
  const onProgress = (loaded, total) => listeners.onProgress(loaded / total);
  const answer = await transfer("POST", "/", headers, body, { ...listeners, onProgress });
  const document = read(answer);
  if (answer.status === 202 && document?.id) return document.id;
  throw new Refusal(answer.status, document, answer.getResponseHeader("Retry-After"));
}

// Upload sessions by file, so that choosing the same file again after a reload goes on with it.
const SESSIONS = "sessions";
const WEEK = 7 * 24 * 3600 * 1000; // how long Cloud Storage keeps a session

function nameOf({ file, options }) {
  return JSON.stringify([file.name, file.size, file.lastModified, options]);
}

function sessions() {
  const young = ([, session]) => Date.now() - session.at < WEEK;
  return Object.fromEntries(Object.entries(recall(SESSIONS, {})).filter(young));
}

function forget(name) {
  const { [name]: _, ...others } = sessions();
  remember(SESSIONS, others);
}

async function announced({ file, options, key }) {
  const given = Object.fromEntries(options);
  if (given.sizes) given.sizes = given.sizes.split(",").map(Number);
  const { id, upload } = await ask("/uploads", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": key, ...credentials() },
    body: JSON.stringify({ filename: file.name, size: file.size, options: given }),
  });
  return { id, url: upload.url, at: Date.now() };
}

async function sendLarge(item, listeners) {
  const name = nameOf(item);
  const { file } = item;
  let session = sessions()[name];
  let start = 0;
  if (session) {
    start = await arrived(session.url, file.size, listeners);
  } else {
    session = await announced(item);
    remember(SESSIONS, { ...sessions(), [name]: session });
  }
  while (start !== null && start < file.size) {
    start = await continueAt(start, file, session.url, listeners);
  }
  forget(name);
  if (start !== null) return session.id;
  item.key = crypto.randomUUID?.() ?? `${item.key}-again`; // the session is gone: begin again
  return sendLarge(item, listeners);
}

function arrived(url, size, { signal }) {
  return put(url, `bytes */${size}`, null, size, { signal });
}

function continueAt(start, file, url, listeners) {
  const range = `bytes ${start}-${file.size - 1}/${file.size}`;
  const onProgress = (loaded) => listeners.onProgress((start + loaded) / file.size);
  return put(url, range, file.slice(start), file.size, { ...listeners, onProgress });
}

// Returns how many bytes have arrived, null if the session does not exist any more.
// https://docs.cloud.google.com/storage/docs/performing-resumable-uploads
async function put(url, range, body, size, listeners) {
  const answer = await transfer("PUT", url, { "Content-Range": range }, body, listeners);
  if (answer.status === 200 || answer.status === 201) return size;
  if (answer.status === 404 || answer.status === 410) return null;
  if (answer.status !== 308) throw new Refusal(answer.status, read(answer), RETRY_AFTER);
  const last = /-(\d+)$/.exec(answer.getResponseHeader("Range") ?? "");
  return last ? Number(last[1]) + 1 : 0;
}
