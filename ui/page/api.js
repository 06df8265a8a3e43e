// The server's HTTP API, as far as the page uses it. All URLs are relative to the
// page, because a proxy may serve it under a path such as /img/.

import * as token from "./token.js";
import * as words from "./words.js";

// How many images a page of the list has: full rows of two, three, four or six,
// at first as many as a window shows (early.js asks for those).
const FIRST = 24;
const PAGE = 60;

// Refusal is any answer but a success, and no answer at all (status 0). Its
// message is written for people; wait is how many seconds the server wants to
// be left alone, 0 where it does not say.
export class Refusal extends Error {
  constructor(message, status = 0, wait = 0) {
    super(message);
    this.status = status;
    this.wait = wait;
  }

  // mayPass says whether the same request can succeed later.
  get mayPass() {
    return [0, 408, 429].includes(this.status) || this.status >= 500;
  }
}

// limits returns what the server takes: {max_upload, types, …}.
export function limits(signal) {
  return request("GET", "limits", { signal });
}

// list returns a page of images, {images, next}: those whose name contains
// what is looked for, in the given order. next is the cursor of the page after
// it, absent on the last one. watch.locked is called when it waits for the token.
export function list({ search, sort, order, cursor }, watch, signal) {
  const query = new URLSearchParams({ limit: cursor ? PAGE : FIRST });
  for (const [name, value] of Object.entries({ q: search, sort, order, cursor })) {
    if (value) {
      query.set(name, value);
    }
  }
  return request("GET", `images?${query}`, { watch, signal });
}

// find returns the image of that name, or undefined.
export async function find(name) {
  const { images } = await request("GET", `images?${new URLSearchParams({ name })}`);
  return images[0];
}

// remove deletes the image, unless another one has its name by now (412). One
// that is gone already is no error. It is sent even when the page is left.
export async function remove(image) {
  try {
    await request("DELETE", path(image.filename), { headers: { "If-Match": `"${image.sha256}"` }, lasting: true });
  } catch (refusal) {
    if (refusal.status !== 404) {
      throw refusal;
    }
  }
}

// rename gives the image another name and returns it as it is then.
export function rename(image, filename) {
  return request("POST", `${path(image.filename)}/rename?conflict=error`, {
    body: JSON.stringify({ filename }), headers: { "Content-Type": "application/json" },
  });
}

// upload sends the file and returns the image as stored. Meanwhile it calls
// watch.sending with the share sent so far, watch.saving when all of it is,
// and watch.locked when it waits for the token. Aborted by the signal it
// throws the signal's reason.
export function upload(file, watch, signal) {
  const body = new FormData();
  body.append("file", file, file.name);
  return request("POST", "upload", { body, watch, signal });
}

// reachable reports whether the server answers, and not a proxy in its place.
export async function reachable() {
  try {
    return (await fetch("livez", { cache: "no-store", signal: AbortSignal.timeout(5000) })).ok;
  } catch {
    return false;
  }
}

function path(name) {
  return `images/${encodeURIComponent(name)}`;
}

// request sends what is asked for, with the token where there is one, and
// asks for a token until the server takes it.
async function request(method, url, { watch, signal, ...rest } = {}) {
  for (;;) {
    const used = token.current();
    const { status, text, wait } = await send(method, url, { watch, signal, ...rest });
    if (status !== 401) {
      return read(status, text, wait);
    }
    watch?.locked?.();
    await Promise.race([token.ask(used), aborted(signal)]);
  }
}

// send makes one exchange, unless early.js has made it.
async function send(method, url, options) {
  const { early } = globalThis;
  if (method === "GET" && early?.url === url) {
    globalThis.early = null; // it was for once
    return (await early.answer) ?? exchange(method, url, options);
  }
  return options.lasting ? lastingExchange(method, url, options) : exchange(method, url, options);
}

// lastingExchange goes on when the page is left, which only fetch does.
async function lastingExchange(method, url, { headers }) {
  const all = { ...token.header(), ...headers };
  const response = await fetch(url, { method, headers: all, keepalive: true })
    .catch(() => { throw new Refusal(words.unreachable); });
  return { status: response.status, text: await response.text() };
}

// exchange uses XMLHttpRequest because fetch does not say how much of an upload
// is sent.
function exchange(method, url, { body, headers, watch, signal }) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const xhr = new XMLHttpRequest();
    xhr.open(method, url);
    for (const [name, value] of Object.entries({ ...token.header(), ...headers })) {
      xhr.setRequestHeader(name, value);
    }
    if (watch?.sending) {
      xhr.upload.onprogress = (event) => watch.sending(event.loaded / event.total);
      xhr.upload.onload = () => watch.saving();
    }
    xhr.onload = () => resolve({
      status: xhr.status, text: xhr.responseText, wait: Number(xhr.getResponseHeader("Retry-After")) || 0,
    });
    xhr.onerror = () => reject(new Refusal(words.unreachable));
    xhr.onabort = () => reject(signal.reason);
    signal?.addEventListener("abort", () => xhr.abort());
    xhr.send(body);
  });
}

// read returns the JSON of a success, null where it has no body, and throws
// everything else as a Refusal.
function read(status, text, wait) {
  const success = status >= 200 && status < 300;
  if (success && text === "") {
    return null;
  }
  const body = parse(text);
  if (success && body) {
    return body;
  }
  throw new Refusal(body?.message || words.unexplained(status), status, wait);
}

// parse returns null for what is not JSON, such as a proxy's error page.
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// aborted rejects when the signal is aborted and never resolves.
function aborted(signal) {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
}
