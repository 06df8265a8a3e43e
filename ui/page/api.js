// The part of the server's HTTP API that the page uses. All URLs are relative to the
// page, because a proxy may serve the page under a path such as /img/.

import * as token from "./token.js";
import * as words from "./words.js";

// The number of images in a page of the list. With two, three, four or six columns, all
// rows are full. The first page has as many images as a window shows. early.js requests
// the first page.
const FIRST_PAGE = 24;
const PAGE = 60;

const PROBE_TIMEOUT = 5000; // milliseconds

// RequestError is any response that is not a success, or no response at all
// (status 0). Its message is for people. retryAfter is the number of seconds that the
// client must wait before it sends the request again, or 0 if the server does not say. code
// is the error code of the server, or empty.
export class RequestError extends Error {
  constructor(message, status = 0, retryAfter = 0, code = "") {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
    this.code = code;
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

// list returns a page of images as { images, next }. The names of the images contain the
// search text, and sort and order set the order. next is the cursor of the following page.
// The last page has no next. list calls callbacks.locked when the request waits for the
// token.
export function list({ search, sort, order, cursor }, callbacks, signal) {
  const query = new URLSearchParams({ limit: cursor ? PAGE : FIRST_PAGE });
  for (const [name, value] of Object.entries({ q: search, sort, order, cursor })) {
    if (value) {
      query.set(name, value);
    }
  }
  return request("GET", `images?${query}`, { callbacks, signal });
}

// find returns the image of this name, or undefined.
export async function find(name) {
  const { images } = await request("GET", `images?${new URLSearchParams({ name })}`);
  return images[0];
}

// remove deletes the image. If another image now has the name, remove fails with status
// 412. If the image is already deleted, remove succeeds. The browser sends the request
// even if the reader leaves the page.
export async function remove(image) {
  try {
    await request("DELETE", path(image.filename), { headers: { "If-Match": `"${image.sha256}"` }, keepalive: true });
  } catch (error) {
    if (error.status !== 404) {
      throw error;
    }
  }
}

// listTrash returns a page of the images that can be restored, as { images, next }.
export function listTrash(cursor) {
  return request("GET", `images?${new URLSearchParams({ trash: "", limit: PAGE, ...(cursor && { cursor }) })}`);
}

// restore takes this image out of the trash, whatever others of its name are there, and
// returns it. It may have got another name. If the image is no longer in the trash, restore
// fails with the code not_found.
export function restore(image) {
  return request("POST", `${path(image.filename)}/restore?${new URLSearchParams({ deleted_at: image.deleted_at })}`);
}

// emptyTrash deletes all images in the trash for good.
export function emptyTrash() {
  return request("DELETE", "images?trash");
}

// usage returns how much is stored: { image_count, image_bytes, trash_count, trash_bytes }.
export function usage() {
  return request("GET", "usage");
}

// rename gives the image another name and returns the renamed image.
export function rename(image, filename) {
  return request("POST", `${path(image.filename)}/rename?conflict=error`, {
    body: JSON.stringify({ filename }), headers: { "Content-Type": "application/json" },
  });
}

// removeMetadata stores the image again without its metadata, under its name, with its
// upload time and its expiry. It returns the new image. If another image now has the name,
// removeMetadata fails with status 404 or 412. It fails with status 422 if the server cannot
// remove the metadata of such an image.
export async function removeMetadata(image) {
  const headers = { "If-Match": `"${image.sha256}"`, "Uploaded-At": image.uploaded_at };
  if (image.expires_at) {
    headers["Expires-In"] = Math.max(1, Math.round((Date.parse(image.expires_at) - Date.now()) / 1000));
  }
  const original = await fetchOriginal(image);
  return request("PUT", `${path(image.filename)}?strip`, { body: await original.blob(), headers });
}

// readBytes returns the bytes of the image from from to to, to not included.
export async function readBytes(image, from, to) {
  const response = await fetchOriginal(image, { Range: `bytes=${from}-${to - 1}` });
  const bytes = new Uint8Array(await response.arrayBuffer());
  return response.status === 206 ? bytes : bytes.subarray(from, to); // a proxy may ignore the range
}

// fetchOriginal requests the original. It throws a RequestError if it does not get it.
async function fetchOriginal(image, headers = {}) {
  const response = await fetch(`${path(image.filename)}?v=${image.sha256}`, { headers })
    .catch(() => { throw new RequestError(TEXT.unreachable); });
  if (!response.ok) {
    throw new RequestError(response.status === 404 ? words.gone(image.filename) : words.unexplained(response.status), response.status);
  }
  return response;
}

// upload sends the file and returns the stored image. options are parameters of the API, see
// uploadoptions.js. If the signal aborts, upload throws the signal's reason. It calls:
// - callbacks.sending(share) during the upload, with the share of the bytes that is sent;
// - callbacks.saving() when all bytes are sent;
// - callbacks.locked() when the request waits for the token.
export function upload(file, options, callbacks, signal) {
  const body = new FormData();
  body.append("file", file, file.name);
  const query = new URLSearchParams(Object.entries(options).filter(([, value]) => value));
  return request("POST", query.size > 0 ? `upload?${query}` : "upload", { body, callbacks, signal });
}

// isReachable reports whether the server itself responds. An error of a proxy is not a
// response of the server.
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

// request sends a request, with the access token if the page has one. If the server
// refuses the token, request asks for another token and sends the request again.
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

// send sends one request, or takes the response if early.js has already sent the request.
async function send(method, url, options) {
  const early = globalThis.early?.[url];
  if (early && method === "GET") {
    globalThis.early[url] = null; // the response is used only once
    return (await early) ?? sendXHR(method, url, options);
  }
  return options.keepalive ? sendKeepalive(method, url, options) : sendXHR(method, url, options);
}

// sendKeepalive sends a request that continues when the reader leaves the page. Only
// fetch can send such a request.
async function sendKeepalive(method, url, { headers }) {
  const all = { ...token.header(), ...headers };
  const response = await fetch(url, { method, headers: all, keepalive: true })
    .catch(() => { throw new RequestError(TEXT.unreachable); });
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
    xhr.onerror = () => reject(new RequestError(TEXT.unreachable));
    xhr.onabort = () => reject(signal.reason);
    signal?.addEventListener("abort", () => xhr.abort());
    xhr.send(body);
  });
}

// parseResponse returns the JSON of a successful response, or null if the response has no
// body. It throws a RequestError for every other response. The message of the error is in the
// language of the page, unless only the server knows the details.
function parseResponse(status, text, retryAfter) {
  const success = status >= 200 && status < 300;
  if (success && text === "") {
    return null;
  }
  const body = parseJSON(text);
  if (success && body) {
    return body;
  }
  const code = body?.error?.code;
  throw new RequestError(words.serverError(code, body?.message) || words.unexplained(status), status, retryAfter, code);
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
