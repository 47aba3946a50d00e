/** Types of quickthumb.js, a client of QuickThumb for browsers and Node.js. */

/** Options of thumbnails; docs/api.md tells what they mean. */
export interface ThumbnailOptions {
  sizes?: number | string | readonly number[];
  fit?: "contain" | "cover";
  gravity?: "center" | "smart" | "face";
  focus?: string | readonly [number, number];
  format?: "auto" | "negotiate" | "jpeg" | "png" | "webp" | "avif" | "jxl" | "tiff";
  quality?: number;
  background?: string;
  max_bytes?: number;
}

export interface Cancellable {
  /** Aborts the call, which then throws the signal's reason. */
  signal?: AbortSignal;
}

export interface AnnounceOptions extends ThumbnailOptions, Cancellable {
  /** Kept with the upload; by default that of a `File`. */
  filename?: string;
  /** Your own data, kept with the upload. */
  metadata?: Readonly<Record<string, string>>;
  /** The same for all attempts at this upload, also those of other pages; random by default. */
  idempotencyKey?: string;
}

export interface SendOptions extends Cancellable {
  /**
   * Called with the bytes sent so far, and all of them. Node.js reports a picture that fits into one
   * request at its end only.
   */
  onProgress?: (sent: number, total: number) => void;
}

export interface UploadOptions extends AnnounceOptions, SendOptions {}

export type Picture = Blob | ArrayBuffer | ArrayBufferView;

/** An upload that was accepted: its thumbnails will be made. */
export interface Upload {
  /** Allows its holder to read and delete the upload. */
  id: string;
  /** Paths of the thumbnails on the service, by name. */
  links: Record<string, string>;
}

/** An announced upload: whoever has the `url` can send the picture, for a week. */
export interface Session extends Upload {
  url: string;
}

export interface Thumbnail {
  /** Path on the service. */
  href: string;
  width: number;
  height: number;
  bytes: number;
  content_type: string;
}

interface AnyStatus {
  id: string;
  links: { self: string; thumbnails: Record<string, string> };
  metadata?: Record<string, string>;
}

export interface Original {
  content_type: string;
  width: number;
  height: number;
  orientation: number;
  bytes: number;
}

export interface QueuedStatus extends AnyStatus {
  status: "queued";
}

export interface DoneStatus extends AnyStatus {
  status: "done";
  original?: Original;
  placeholder?: { data_uri: string; color: string };
  thumbnails: Record<string, Thumbnail>;
}

export interface FailedStatus extends AnyStatus {
  status: "failed";
  original?: Original;
  error: { code: string; detail: string };
}

export type Status = QueuedStatus | DoneStatus | FailedStatus;

export interface ClientOptions {
  /** An API key, if the service needs one. For servers only. */
  key?: string;
  /** An upload token, or what gets one for each upload from your server. */
  token?: string | (() => string | Promise<string>);
  /** Added to each request to the service. */
  headers?: Readonly<Record<string, string>>;
  /** Attempts at a request while the service does not answer, or says to try again: 5. */
  tries?: number;
  /** Seconds to wait for an answer, in addition to those that the request itself waits: 60. */
  timeout?: number;
  /** To sign addresses of thumbnails with. For servers only. */
  signingKey?: string;
}

/** Base of everything that a client throws, but for what an `AbortSignal` throws. */
export class QuickThumbError extends Error {}

/** No attempt got an answer. Whether the request was executed is unknown; it can be repeated. */
export class Unreachable extends QuickThumbError {}

/** Something else answers at the URL. */
export class NotQuickThumb extends QuickThumbError {}

/** The job has not ended in time. It still will: wait again. */
export class NotDone extends QuickThumbError {}

/** There will be no thumbnails. */
export class JobFailed extends QuickThumbError {
  readonly code: string;
  readonly detail: string;
}

/** The service refused the request, with a problem document (RFC 9457) if it is QuickThumb's. */
export class Problem extends QuickThumbError {
  /** Of HTTP. */
  readonly status: number;
  /** Stable, such as "not-a-picture"; empty without a problem document. */
  readonly code: string;
  /** Address that explains the problem. */
  readonly type: string;
  readonly title: string;
  /** A sentence for people. */
  readonly detail: string;
  /** The part of the request at fault, or empty. */
  readonly field: string;
  /** Seconds after which to try again, if the answer says so. */
  readonly retryAfter?: number;
  /** Whether the same request may succeed later. */
  get isTemporary(): boolean;
  /** What to do about it. */
  get advice(): string;
}

/** A client of the service at a URL. */
export class QuickThumb {
  constructor(url: string | URL, options?: ClientOptions);
  readonly url: string;
  /** Upload a picture; one that is too large for a request goes to Cloud Storage directly. */
  upload(picture: Picture, options?: UploadOptions): Promise<Upload>;
  /** Announce a picture of a size in bytes. Keep the session to resume after a crash. */
  announce(size: number, options?: AnnounceOptions): Promise<Session>;
  /** Send a picture to the `url` of a session, from where an earlier attempt broke off. */
  send(url: string, picture: Picture, options?: SendOptions): Promise<void>;
  /** Ask for more thumbnails of an upload. */
  more(id: string, options?: ThumbnailOptions & Cancellable): Promise<Upload>;
  /** Return the status of an upload, after waiting up to 30 seconds for the end of its job. */
  status(id: string, options?: Cancellable & { wait?: number }): Promise<Status>;
  /** Wait until a job is done. Throws `JobFailed`, or `NotDone` after `seconds` (120). */
  wait(id: string, options?: Cancellable & { seconds?: number }): Promise<DoneStatus>;
  /** Return a thumbnail, after waiting until it is ready. */
  download(link: string, options?: Cancellable & { seconds?: number }): Promise<Blob>;
  /** Delete an upload with its thumbnails; return false if there is none. */
  delete(id: string, options?: Cancellable): Promise<boolean>;
  /** Return an upload token for a page. For servers: it needs the API key. */
  token(grant?: Readonly<Record<string, unknown>>): Promise<string>;
  /** Return the URL of a thumbnail. */
  link(upload: Upload | Session | Status, name: string): string;
  /** Return the `srcset` of an `img`; name thumbnails of one shape if there are several. */
  srcset(status: DoneStatus, names?: readonly string[]): string;
  /** Return the URL of a thumbnail that is made when somebody first shows it. For servers. */
  signed(id: string, size: string, options?: Omit<ThumbnailOptions, "sizes">): Promise<string>;
}

/** Return the signature of the address of a thumbnail. For servers. */
export function signature(key: string, path: string, options: Readonly<Record<string, string>>): Promise<string>;
