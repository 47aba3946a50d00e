// Uploads each chosen picture, waits for its job, and shows the thumbnails or the error.

const form = document.querySelector("form");
const drop = document.querySelector(".drop");
const key = document.querySelector("#key");
const results = document.querySelector(".results");
const OPTIONS = ["sizes", "fit", "format"];
let mostBytes = Infinity;
let makesSizes = false;

document.querySelector(".url").textContent = new URL("/", location.href);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  sendAll(form.elements.file.files);
});

drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  sendAll(event.dataTransfer.files);
});

async function sendAll(files) {
  const cards = [...files].map((file) => new Card(file));
  for (const card of cards) await card.send();
}

// Without sizes the service makes its defaults, or named thumbnails, which have their own options.
function chosenOptions() {
  if (!form.elements.sizes.value && !makesSizes) return [];
  return OPTIONS.map((name) => [name, form.elements[name].value]).filter(([, value]) => value);
}

// A picture and its outcome.
class Card {
  constructor(file) {
    this.file = file;
    this.options = chosenOptions();
    // The same for each attempt, so that retries create one upload.
    this.idempotencyKey = [...crypto.getRandomValues(new Uint8Array(16))].join("-");
    this.element = document.querySelector("#result").content.cloneNode(true).firstElementChild;
    this.find("h3").textContent = file.name;
    this.find(".again").addEventListener("click", () => this.send());
    this.find(".delete").addEventListener("click", () => this.delete());
    results.prepend(this.element);
    results.closest("section").hidden = false;
    this.say("Waiting…");
  }

  async send() {
    if (this.file.size > mostBytes) {
      const most = megabytes(mostBytes);
      return this.fail(`The file has ${megabytes(this.file.size)}; the limit is ${most}.`);
    }
    this.find(".again").hidden = true;
    this.find("progress").hidden = false;
    this.say("Uploading…");
    try {
      const answer = await post(this);
      if (answer.status === 401) askForKey();
      if (answer.status !== 202) return this.fail(answer.body.detail, mayHelp(answer.status));
      this.id = answer.body.id;
      this.find(".link").href = answer.body.links.self;
      this.find(".link").hidden = false;
      this.find(".delete").hidden = false;
      this.say("Uploaded. Making thumbnails…");
      this.find("progress").removeAttribute("value");
      this.follow();
    } catch (error) {
      this.fail(error.message, true);
    }
  }

  async follow() {
    try {
      for (;;) {
        const status = await read(await fetch(`/${this.id}?wait=20`));
        if (status.status === "failed") return this.fail(status.error.detail);
        if (status.status === "done") return this.show(status.thumbnails);
      }
    } catch (error) {
      this.fail(error.message, true);
    }
  }

  show(thumbnails) {
    this.say("Done.");
    this.find("progress").hidden = true;
    for (const [name, thumbnail] of Object.entries(thumbnails)) {
      const figure = document.querySelector("#thumbnail").content.cloneNode(true);
      const image = figure.querySelector("img");
      image.src = thumbnail.href;
      image.width = thumbnail.width;
      image.height = thumbnail.height;
      image.alt = `Thumbnail ${name} of ${this.file.name}`;
      figure.querySelector("a").href = thumbnail.href;
      const size = `${thumbnail.width} × ${thumbnail.height}, ${kilobytes(thumbnail.bytes)}`;
      figure.querySelector("figcaption").textContent = size;
      this.find(".thumbnails").append(figure);
    }
  }

  async delete() {
    const headers = key.value ? { "X-API-Key": key.value } : {};
    try {
      const answer = await fetch(`/${this.id}`, { method: "DELETE", headers });
      if (answer.status === 401) askForKey();
      if (!answer.ok && answer.status !== 404) await read(answer);
      this.element.remove();
      results.closest("section").hidden = !results.childElementCount;
    } catch (error) {
      this.say(error.message);
    }
  }

  fail(sentence, again = false) {
    this.say(sentence);
    this.element.classList.add("wrong");
    this.find("progress").hidden = true;
    this.find(".again").hidden = !again;
  }

  say(sentence) {
    this.element.classList.remove("wrong");
    this.find("p").textContent = sentence;
  }

  find(selector) {
    return this.element.querySelector(selector);
  }
}

// XMLHttpRequest, since fetch does not report upload progress.
function post(card) {
  const body = new FormData();
  for (const [name, value] of card.options) body.append(name, value);
  body.append("file", card.file);
  const request = new XMLHttpRequest();
  request.responseType = "json";
  request.open("POST", "/");
  request.setRequestHeader("Idempotency-Key", card.idempotencyKey);
  if (key.value) request.setRequestHeader("X-API-Key", key.value);
  request.upload.addEventListener("progress", (event) => {
    card.find("progress").value = event.loaded / event.total;
  });
  return new Promise((resolve, reject) => {
    request.addEventListener("load", () => {
      const body = request.response ?? { detail: `The service returned status ${request.status}.` };
      resolve({ status: request.status, body });
    });
    request.addEventListener("error", () => {
      reject(new Error("The connection was lost during the upload."));
    });
    request.send(body);
  });
}

async function read(answer) {
  const document = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Error(document.detail ?? `The service returned status ${answer.status}.`);
  }
  return document;
}

// Whether the same request may succeed later, or with a key.
function mayHelp(status) {
  return status === 401 || status === 409 || status === 429 || status >= 500;
}

function askForKey() {
  key.closest("label").hidden = false;
  key.focus();
}

function megabytes(bytes) {
  return `${(bytes / 2 ** 20).toLocaleString("en", { maximumFractionDigits: 1 })} MiB`;
}

function kilobytes(bytes) {
  return `${(bytes / 1000).toLocaleString("en", { maximumFractionDigits: 1 })} kB`;
}

const service = await read(await fetch("/", { headers: { Accept: "application/json" } }));
mostBytes = service.max_upload_bytes;
makesSizes = service.options && service.sizes.length > 0;
form.elements.sizes.value = service.options ? service.sizes.join(",") : "";
for (const name of OPTIONS) form.elements[name].closest("label").hidden = !service.options;
document.querySelector("#limits").append(` Up to ${megabytes(mostBytes)}.`);
