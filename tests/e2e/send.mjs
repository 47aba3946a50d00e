// Sends a file to a session URL with @google-cloud/storage, and prints the status of the last answer, or the error.
// Arguments: address of storage, session URL, file, then options of createWriteStream as JSON.

import { createReadStream } from "node:fs";
import { createRequire } from "node:module";
import { pipeline } from "node:stream/promises";

const [storage, url, path, options] = process.argv.slice(2);
const { Storage } = createRequire(`${process.env.NODE_MODULES}/`)("@google-cloud/storage");

const { pathname, searchParams } = new URL(url);
const bucket = new Storage({ apiEndpoint: storage, projectId: "local", retryOptions: { autoRetry: false } }).bucket(pathname.split("/")[5]);
const { skip = 0, ...others } = JSON.parse(options);
const out = bucket.file(searchParams.get("name")).createWriteStream({ uri: url, ...others });
const printed = {};
out.on("response", ({ status }) => (printed.status = status));
try {
  await pipeline(createReadStream(path, { start: skip }), out);
} catch (error) {
  printed.error = String(error.errors?.[0]?.error?.message ?? error.message);
}
console.log(JSON.stringify(printed));
