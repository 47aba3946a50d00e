/**
 * A client of QuickThumb, in one file, for browsers and Node.js 20 or newer; needs nothing else.
 *
 *     import { QuickThumb } from "https://thumbs.example.com/web/quickthumb.js";
 *     const client = new QuickThumb("https://thumbs.example.com", { token: askMyServer });
 *     const upload = await client.upload(input.files[0], { sizes: [256, 1024] });
 *     const status = await client.wait(upload.id);
 *     img.srcset = client.srcset(status);
 *
 * Types are in quickthumb.d.ts.
 */

const CHUNK = 8 * 1024 * 1024; // a multiple of 256 KiB, which Cloud Storage wants
const FORM_BYTES = 64 * 1024; // that a form with one picture adds at most
const POLL_SECONDS = 20; // of each request that waits
const PAUSE = 0.25; // seconds before the second attempt, doubled each time
const LONGEST_PAUSE = 60; // seconds; a service that says more is given up
const TEMPORARY = [429, 502, 503, 504];
const NEGOTIATED = ["avif", "webp", "jpeg"]; // the formats of a negotiated thumbnail
const UNSIGNED = ["signature", "wait", "download"];
const ADVICE = {
  "unauthorized": "Give a valid API key or upload token.",
  "token-expired": "Get a new upload token.",
  "token-exhausted": "Get a new upload token.",
  "gave-up": "Wait for it again later: the service may still retry it.",
};

/** Base of everything that a client throws, but for what an `AbortSignal` throws. */
export class QuickThumbError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = this.constructor.name;
  }
}

/** No attempt got an answer. Whether the request was executed is unknown; it can be repeated. */
export class Unreachable extends QuickThumbError {}

/** Something else answers at the URL. */
export class NotQuickThumb extends QuickThumbError {}

/** The job has not ended in time. It still will: wait again. */
export class NotDone extends QuickThumbError {}

/** There will be no thumbnails; `code` and `detail` say why. */
export class JobFailed extends QuickThumbError {
  constructor({ code, detail }) {
    super(detail);
    this.code = code;
    this.detail = detail;
  }
}

/** The service refused the request, with a problem document (RFC 9457) if it is QuickThumb's. */
export class Problem extends QuickThumbError {
  constructor(status, document, retryAfter, url) {
    const { code = "", type = "", title = "", detail = `${url} answered ${status}.`, field = "" } = document;
    super(detail);
    Object.assign(this, { status, code, type, title, detail, field, retryAfter });
  }

  /** Whether the same request may succeed later. */
  get isTemporary() {
    return TEMPORARY.includes(this.status) || this.code === "not-ready";
  }

  /** What to do about it. */
  get advice() {
    if (Object.hasOwn(ADVICE, this.code)) return ADVICE[this.code];
    if (this.isTemporary) return `Try again in ${this.retryAfter ?? 1} seconds.`;
    if (this.status >= 500) return "Look into the log of the service.";
    return `Change ${this.field || "the request"}: repeating it will not help.`;
  }
}

/** A client of the service at a URL. */
export class QuickThumb {
  #token;
  #headers;
  #tries;
  #timeout;
  #signingKey;
  #limit;

  constructor(url, { key, token, headers, tries = 5, timeout = 60, signingKey } = {}) {
    this.url = String(url).replace(/\/+$/, "");
    this.#token = token ?? key;
    this.#headers = { ...headers };
    this.#tries = tries;
    this.#timeout = timeout;
    this.#signingKey = signingKey;
  }

  /** Upload a picture; one that is too large for a request goes to Cloud Storage directly. */
  async upload(picture, options = {}) {
    const { filename, metadata, onProgress, signal, idempotencyKey, ...thumbnails } = options;
    const blob = blobOf(picture);
    const name = filename ?? blob.name ?? "";
    const key = idempotencyKey ?? randomKey();
    if (blob.size > FORM_BYTES && blob.size > (await this.#maxBytes(signal)) - FORM_BYTES) {
      const about = { filename: name, metadata, signal, idempotencyKey: key, ...thumbnails };
      const session = await this.announce(blob.size, about);
      await this.send(session.url, blob, { onProgress, signal });
      return { id: session.id, links: session.links };
    }
    const form = new FormData();
    for (const [option, text] of Object.entries(texts(thumbnails))) form.append(option, text);
    if (metadata) form.append("metadata", JSON.stringify(metadata));
    form.append("file", blob, name || "picture");
    // The form is a little larger than the picture.
    const report = onProgress && ((sent, total) => onProgress(Math.max(0, sent - (total - blob.size)), blob.size));
    const headers = { "Idempotency-Key": key };
    const answer = await this.#call("POST", "/", { headers, body: form, onProgress: report, signal });
    onProgress?.(blob.size, blob.size);
    return uploadOf(answer.json());
  }

  /** Announce a picture of a size in bytes, which `send` then sends to Cloud Storage. */
  async announce(size, options = {}) {
    const { filename = "", metadata, signal, idempotencyKey = randomKey(), ...thumbnails } = options;
    const headers = { "Content-Type": "application/json", "Idempotency-Key": idempotencyKey };
    const body = JSON.stringify({ size, filename, metadata });
    const answer = await this.#call("POST", withQuery("/uploads", texts(thumbnails)), { headers, body, signal });
    const document = answer.json();
    return { ...uploadOf(document), url: document.upload.url };
  }

  /**
   * Send a picture to the `url` of a session, from where an earlier attempt broke off.
   * The protocol is https://docs.cloud.google.com/storage/docs/performing-resumable-uploads.
   */
  async send(url, picture, { onProgress, signal } = {}) {
    const blob = blobOf(picture);
    const size = blob.size;
    let [arrived, failures, isKnown] = [0, 0, false];
    while (failures < Math.max(2, this.#tries)) {
      const end = isKnown ? Math.min(arrived + CHUNK, size) : arrived;
      const range = isKnown ? `bytes ${arrived}-${end - 1}/${size}` : `bytes */${size}`;
      const from = arrived;
      const report = onProgress && isKnown && ((sent) => onProgress(Math.min(from + sent, size), size));
      const body = isKnown ? blob.slice(arrived, end) : undefined;
      const headers = { "Content-Range": range };
      const answer = await this.#once("PUT", url, { headers, body, onProgress: report, signal });
      if (answer && answer.status < 300) {
        onProgress?.(size, size);
        return;
      }
      if (answer?.status === 308) {
        const reached = Number(/^bytes=0-(\d+)$/.exec(answer.header("range") ?? "")?.[1] ?? -1) + 1;
        if (reached > arrived || !isKnown) {
          if (reached > arrived) failures = 0;
          [arrived, isKnown] = [reached, true];
          onProgress?.(arrived, size);
          continue;
        }
      } else if (answer && answer.status < 500 && ![408, 429].includes(answer.status)) {
        throw problemOf(answer, new URL(url).host);
      }
      failures += 1;
      isKnown = false;
      await pause(PAUSE * 2 ** failures, signal);
    }
    throw new Unreachable(`Cloud Storage has ${arrived} of ${size} bytes, and takes no more.`);
  }

  /** Ask for more thumbnails of an upload. */
  async more(id, { signal, ...thumbnails } = {}) {
    return uploadOf((await this.#call("POST", withQuery(`/${id}`, texts(thumbnails)), { signal })).json());
  }

  /** Return the status of an upload, after waiting up to 30 seconds for the end of its job. */
  async status(id, { wait = 0, signal } = {}) {
    return (await this.#call("GET", `/${id}?wait=${wait}`, { signal, patience: wait })).json();
  }

  /** Wait until a job is done; return the status. */
  async wait(id, { seconds = 120, signal } = {}) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      const wait = Math.max(0, Math.min(POLL_SECONDS, (end - Date.now()) / 1000));
      const found = await this.status(id, { wait, signal });
      if (found.status === "done") return found;
      if (found.status === "failed") throw new JobFailed(found.error);
      if (Date.now() >= end) throw new NotDone(`${id} is not done after ${seconds} seconds.`);
    }
  }

  /** Return a thumbnail as a Blob, after waiting until it is ready. */
  async download(link, { seconds = 120, signal } = {}) {
    const path = link.startsWith(this.url) ? link.slice(this.url.length) : link;
    if (!path.startsWith("/")) throw new TypeError(`${link}: expected a path, or a URL that begins with ${this.url}`);
    const end = Date.now() + seconds * 1000;
    for (;;) {
      const wait = Math.max(0, Math.min(POLL_SECONDS, (end - Date.now()) / 1000));
      try {
        const target = `${path}${path.includes("?") ? "&" : "?"}wait=${wait}`;
        const answer = await this.#call("GET", target, { signal, patience: wait });
        return new Blob([answer.content], { type: answer.header("content-type") ?? "" });
      } catch (error) {
        if (error.code !== "not-ready") throw error;
        if (Date.now() >= end) throw new NotDone(error.detail);
      }
      await pause(Math.max(0, Math.min(1, (end - Date.now()) / 1000)), signal);
    }
  }

  /** Delete an upload with its thumbnails; return false if there is none. */
  async delete(id, { signal } = {}) {
    try {
      await this.#call("DELETE", `/${id}`, { signal });
      return true;
    } catch (error) {
      if (error.status === 404) return false;
      throw error;
    }
  }

  /** Return an upload token for a page in a browser. For servers: it needs the API key. */
  async token(grant = {}) {
    const headers = { "Content-Type": "application/json" };
    return (await this.#call("POST", "/tokens", { headers, body: JSON.stringify(grant) })).json().token;
  }

  /** Return the URL of a thumbnail. */
  link({ links }, name) {
    const path = (links.thumbnails ?? links)[name];
    if (!path) throw new TypeError(`There is no thumbnail ${name}.`);
    return this.url + path;
  }

  /** Return the `srcset` of an `img`: URL and width of each thumbnail, the smallest first. */
  srcset({ links, thumbnails }, names) {
    const paths = links.thumbnails;
    // A negotiated thumbnail has a link of its own, and one for each format.
    const negotiated = Object.keys(paths).filter((name) => !(name in thumbnails));
    const variants = new Set(negotiated.flatMap((name) => NEGOTIATED.map((format) => inFormat(name, format))));
    const widths = new Map();
    for (const name of names ?? Object.keys(paths).filter((name) => !variants.has(name))) {
      const made = thumbnails[name] ?? thumbnails[inFormat(name, "jpeg")];
      if (made && !widths.has(made.width)) widths.set(made.width, this.url + paths[name]);
    }
    return [...widths].sort(([a], [b]) => a - b).map(([width, url]) => `${url} ${width}w`).join(", ");
  }

  /** Return the URL of a thumbnail that is made when somebody first shows it. For servers. */
  async signed(id, size, thumbnails = {}) {
    if (!this.#signingKey) throw new TypeError("Give the client a key of the service: { signingKey }");
    const [path, options] = [`/${id}/${size}`, texts(thumbnails)];
    options.signature = await signature(this.#signingKey, path, options);
    return this.url + withQuery(path, options);
  }

  async #maxBytes(signal) {
    if (this.#limit === undefined) {
      const document = (await this.#call("GET", "/", { headers: { Accept: "application/json" }, signal })).json();
      if (!Number.isInteger(document?.max_upload_bytes)) throw new NotQuickThumb(`${this.url} is not QuickThumb.`);
      this.#limit = document.max_upload_bytes;
    }
    return this.#limit;
  }

  /** Make a request that may be repeated, until there is an answer that counts. */
  async #call(method, path, request) {
    request.signal?.throwIfAborted();
    const headers = { ...this.#headers, ...request.headers };
    if (this.#token && method !== "GET") {
      headers["X-API-Key"] = typeof this.#token === "function" ? await this.#token() : this.#token;
    }
    let cause;
    for (let attempt = 1; attempt <= this.#tries; attempt += 1) {
      const failed = (error) => { cause = error; };
      const answer = await this.#once(method, this.url + path, { ...request, headers, failed });
      if (answer && answer.status < 300) return answer;
      let seconds = PAUSE * 2 ** attempt;
      if (answer) {
        const problem = problemOf(answer, this.url);
        seconds = problem.retryAfter ?? seconds;
        const isWorthIt = TEMPORARY.includes(problem.status) && seconds <= LONGEST_PAUSE;
        if (attempt === this.#tries || !isWorthIt) throw problem;
      }
      // Not all clients at the same moment.
      if (attempt < this.#tries) await pause(seconds * (1 + Math.random() / 10), request.signal);
    }
    throw new Unreachable(`${this.url} does not answer.`, { cause });
  }

  /** Make one attempt; return undefined if the connection broke. */
  async #once(method, url, { headers, body, onProgress, signal, patience = 0, failed }) {
    signal?.throwIfAborted();
    const late = AbortSignal.timeout((this.#timeout + patience) * 1000);
    const either = signal ? AbortSignal.any([signal, late]) : late;
    try {
      // Only XMLHttpRequest tells how much was sent; Node.js does not have it.
      const isWatched = onProgress && typeof XMLHttpRequest !== "undefined";
      return await (isWatched ? askWatched : ask)(method, url, headers, body, either, onProgress);
    } catch (error) {
      signal?.throwIfAborted();
      failed?.(error);
      return undefined;
    }
  }
}

/**
 * Return the signature of the address of a thumbnail, for services that make such on demand.
 * Never sign in a browser: who has the key can have anything made.
 */
export async function signature(key, path, options) {
  const signed = Object.fromEntries(
    Object.keys(options).filter((name) => !UNSIGNED.includes(name)).sort().map((name) => [name, options[name]]),
  );
  const encoder = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const secret = await crypto.subtle.importKey("raw", encoder.encode(key), algorithm, false, ["sign"]);
  const digest = await crypto.subtle.sign("HMAC", secret, encoder.encode(withQuery(path, signed)));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function ask(method, url, headers, body, signal) {
  const answer = await fetch(url, { method, headers, body, signal });
  return answerOf(answer.status, (name) => answer.headers.get(name), await answer.arrayBuffer());
}

function askWatched(method, url, headers, body, signal, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.responseType = "arraybuffer";
    for (const [name, text] of Object.entries(headers ?? {})) request.setRequestHeader(name, text);
    request.upload.onprogress = ({ loaded, total }) => onProgress(loaded, total);
    const header = (name) => request.getResponseHeader(name);
    request.onload = () => resolve(answerOf(request.status, header, request.response));
    request.onerror = () => reject(new TypeError("The connection broke."));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(body);
  });
}

function answerOf(status, header, content) {
  const json = () => {
    try {
      return JSON.parse(new TextDecoder().decode(content));
    } catch {
      throw new NotQuickThumb("The answer is not one of QuickThumb: expected JSON.");
    }
  };
  return { status, header, content, json };
}

function problemOf(answer, url) {
  let document;
  try {
    document = answer.json();
  } catch {
    document = undefined;
  }
  const seconds = answer.header("retry-after") ?? "";
  const until = Math.max(0, (Date.parse(seconds) - Date.now()) / 1000); // it may be a date
  const retryAfter = /^\d+$/.test(seconds) ? Number(seconds) : Number.isNaN(until) ? undefined : until;
  return new Problem(answer.status, document && typeof document === "object" ? document : {}, retryAfter, url);
}

function uploadOf(document) {
  if (!document?.id || !document.links) throw new NotQuickThumb("The answer is not one of QuickThumb: it has no id.");
  return { id: document.id, links: document.links.thumbnails };
}

function blobOf(picture) {
  return picture instanceof Blob ? picture : new Blob([picture]);
}

/** Return the name of one format of a negotiated thumbnail. */
function inFormat(name, format) {
  return name.includes("-negotiate") ? name.replace("-negotiate", `-${format}`) : `${name}-${format}`;
}

/** Return options as query parameters or form fields. */
function texts(options) {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)])); // lists with commas
}

/** Return a path with a query that is encoded as signatures need it (RFC 3986). */
function withQuery(path, options) {
  const escape = (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`;
  const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g, escape);
  const query = Object.entries(options).map(([name, text]) => `${encode(name)}=${encode(text)}`).join("&");
  return query ? `${path}?${query}` : path;
}

/** Return a random idempotency key. `crypto.randomUUID` exists on secure pages only. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, seconds * 1000);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
