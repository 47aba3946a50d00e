// Numbers, times and names as one reads them.

/** The clock of the server, seconds since the epoch. */
export const clock = { offset: 0, now: () => Date.now() / 1000 + clock.offset };

/** A number, "?" if the broker does not tell it. */
export const count = (number) => (number === null || number === undefined ? "?" : number.toLocaleString("en"));

/** A number and its noun. */
export const some = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

/** A duration in seconds. */
export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** How long something took, in milliseconds. */
export const took = (milliseconds) =>
  milliseconds === null ? "" : milliseconds < 9999.5 ? `${Math.round(milliseconds).toLocaleString("en")} ms` : `${(milliseconds / 1000).toFixed(1)} s`;

const format = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** The time of day. */
export const time = (seconds) => format.format(seconds * 1000);

/** A size in bytes. */
export function bytes(size) {
  if (size < 1000) return `${size} B`;
  if (size < 1e6) return `${(size / 1e3).toFixed(size < 1e4 ? 1 : 0)} kB`;
  return `${(size / 1e6).toFixed(1)} MB`;
}

/** An id, as short as one can tell it from others. */
export const short = (id) => (/^[0-9a-f]{32}$/.test(id) ? `${id.slice(0, 4)}…${id.slice(-6)}` : id.length > 24 ? `${id.slice(0, 12)}…${id.slice(-8)}` : id);

/** Text in base64, null if it is no text. */
export function decoded(data) {
  if (!data) return "";
  try {
    const raw = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(raw);
  } catch {
    return null;
  }
}

/** Data of a message as one reads it: JSON is indented. */
export function readable(data) {
  const text = decoded(data);
  if (text === null) return `${data} (base64)`;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** What a subject is called. */
export const STATES = {
  queued: "queued",
  working: "at work",
  waiting: "waits for a retry",
  done: "done",
  failed: "failed",
  dead: "dead",
};
