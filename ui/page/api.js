// The part of the server's HTTP API that the page uses. All URLs are relative to the
// page, because a proxy may serve it under a path such as /img/.

import * as token from "./token.js";
import * as words from "./words.js";

// The number of images in a page of the list: full rows of two, three, four or six.
// The first page has as many as a window shows (early.js requests it).
const FIRST_PAGE = 24;
const PAGE = 60;

const PROBE_TIMEOUT = 5000; // milliseconds

// RequestError is any response that is not a success, or no response at all
// (status 0). Its message is for people. retryAfter is how many seconds the server
// asks to wait, 0 if it does not say.
export class RequestError extends Error {
  constructor(message, status = 0, retryAfter = 0) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  // retryable reports whether the same request can succeed later.
  get retryable() {
    return [0, 408, 429].includes(this.status) || this.status >= 500;
  }
}

// limits returns what the server accepts: { max_upload, types, … }.
export function limits(signal) {
  return request("GET", "limits", { signal });
}

// list returns a page of images, { images, next }: those whose name contains the
// search text, in this order. next is the cursor of the following page, absent on
// the last one. callbacks.locked is called when the request waits for the token.
export function list({ search, sort, order, cursor }, callbacks, signal) {
  const query = new URLSearchParams({ limit: cursor ? PAGE : FIRST_PAGE });
  for (const [name, value] of Object.entries({ q: search, sort, order, cursor })) {
    if (value) {
      query.set(name, value);
    }
  }
  return request("GET", `images?${query}`, { callbacks, signal });
}

// find returns the image of that name, or undefined.
export async function find(name) {
  const { images } = await request("GET", `images?${new URLSearchParams({ name })}`);
  return images[0];
}

// remove deletes the image. It fails with status 412 if another image has its name
// by now. It succeeds if the image is deleted already. The request is sent even when
// the reader leaves the page.
export async function remove(image) {
  try {
    await request("DELETE", path(image.filename), { headers: { "If-Match": `"${image.sha256}"` }, keepalive: true });
  } catch (error) {
    if (error.status !== 404) {
      throw error;
    }
  }
}

// rename gives the image another name and returns the image with it.
export function rename(image, filename) {
  return request("POST", `${path(image.filename)}/rename?conflict=error`, {
    body: JSON.stringify({ filename }), headers: { "Content-Type": "application/json" },
  });
}

// upload sends the file and returns the stored image. It calls callbacks.sending
// with the share that is sent, callbacks.saving when all bytes are sent, and
// callbacks.locked when the request waits for the token. When the signal aborts, it
// throws the signal's reason.
export function upload(file, callbacks, signal) {
  const body = new FormData();
  body.append("file", file, file.name);
  return request("POST", "upload", { body, callbacks, signal });
}

// isReachable reports whether the server itself responds, and not a proxy for it.
export async function isReachable() {
  try {
    return (await fetch("livez", { cache: "no-store", signal: AbortSignal.timeout(PROBE_TIMEOUT) })).ok;
  } catch {
    return false;
  }
}

function path(name) {
  return `images/${encodeURIComponent(name)}`;
}

// request sends a request with the access token, if there is one. It asks for a
// token until the server accepts it.
async function request(method, url, { callbacks, signal, ...rest } = {}) {
  for (;;) {
    const used = token.current();
    const { status, text, retryAfter } = await send(method, url, { callbacks, signal, ...rest });
    if (status !== 401) {
      return parseResponse(status, text, retryAfter);
    }
    callbacks?.locked?.();
    await Promise.race([token.ask(used), aborted(signal)]);
  }
}

// send makes one request, unless early.js has made it already.
async function send(method, url, options) {
  const { early } = globalThis;
  if (method === "GET" && early?.url === url) {
    globalThis.early = null; // it is used once
    return (await early.response) ?? sendXHR(method, url, options);
  }
  return options.keepalive ? sendKeepalive(method, url, options) : sendXHR(method, url, options);
}

// sendKeepalive sends a request that goes on when the reader leaves the page. Only
// fetch can do that.
async function sendKeepalive(method, url, { headers }) {
  const all = { ...token.header(), ...headers };
  const response = await fetch(url, { method, headers: all, keepalive: true })
    .catch(() => { throw new RequestError(words.unreachable); });
  return { status: response.status, text: await response.text() };
}

// sendXHR uses XMLHttpRequest, because fetch does not report the progress of an
// upload.
function sendXHR(method, url, { body, headers, callbacks, signal }) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const xhr = new XMLHttpRequest();
    xhr.open(method, url);
    for (const [name, value] of Object.entries({ ...token.header(), ...headers })) {
      xhr.setRequestHeader(name, value);
    }
    if (callbacks?.sending) {
      xhr.upload.onprogress = (event) => callbacks.sending(event.loaded / event.total);
      xhr.upload.onload = () => callbacks.saving();
    }
    xhr.onload = () => resolve({
      status: xhr.status, text: xhr.responseText, retryAfter: Number(xhr.getResponseHeader("Retry-After")) || 0,
    });
    xhr.onerror = () => reject(new RequestError(words.unreachable));
    xhr.onabort = () => reject(signal.reason);
    signal?.addEventListener("abort", () => xhr.abort());
    xhr.send(body);
  });
}

// parseResponse returns the JSON of a success, null if it has no body. It throws a
// RequestError for every other response.
function parseResponse(status, text, retryAfter) {
  const success = status >= 200 && status < 300;
  if (success && text === "") {
    return null;
  }
  const body = parseJSON(text);
  if (success && body) {
    return body;
  }
  throw new RequestError(body?.message || words.unexplained(status), status, retryAfter);
}

// parseJSON returns null for text that is not JSON, such as a proxy's error page.
function parseJSON(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// aborted returns a promise that rejects when the signal aborts. It never resolves.
function aborted(signal) {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
}
