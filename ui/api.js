// The server's HTTP API, as far as the page uses it.

import * as token from "./token.js";
import * as words from "./words.js";

const PAGE = 24; // images: full rows of two, three, four or six

// Refusal is any answer but a success, and no answer at all (status 0). Its
// message is written for people.
export class Refusal extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }

  // mayPass says whether the same request can succeed later.
  get mayPass() {
    return [0, 408, 429].includes(this.status) || this.status >= 500;
  }
}

// list returns a page of the newest images, {images, next}; next is the cursor
// of the page after it, empty or absent on the last one. watch is as for upload.
export function list(cursor = "", watch) {
  const query = new URLSearchParams({ limit: PAGE });
  if (cursor !== "") {
    query.set("cursor", cursor);
  }
  return request("GET", `/images?${query}`, { watch });
}

// remove deletes the image. One that is gone already is no error.
export async function remove(name) {
  try {
    await request("DELETE", `/images/${encodeURIComponent(name)}`);
  } catch (error) {
    if (error.status !== 404) {
      throw error;
    }
  }
}

// upload sends the file and returns the image as stored. Meanwhile it calls
// watch.sending with the share sent so far, watch.saving when all of it is,
// and watch.locked when it waits for the token. Aborted by the signal it
// throws the signal's reason.
export function upload(file, watch, signal) {
  const form = new FormData();
  form.append("file", file);
  return request("POST", "/upload", { form, watch, signal });
}

// request sends what is asked for, with the token where there is one, and
// asks for a token until the server takes it.
async function request(method, url, { form, watch, signal } = {}) {
  for (;;) {
    const used = token.current();
    const { status, text } = await send(method, url, { used, form, watch, signal });
    if (status !== 401) {
      return read(status, text);
    }
    watch?.locked();
    await Promise.race([token.ask(used), aborted(signal)]);
  }
}

// send makes one exchange. It uses XMLHttpRequest because fetch does not say
// how much of an upload is sent.
function send(method, url, { used, form, watch, signal }) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(method, url);
    if (used !== "") {
      xhr.setRequestHeader("Authorization", `Bearer ${used}`);
    }
    if (form) {
      xhr.upload.onprogress = (event) => watch.sending(event.loaded / event.total);
      xhr.upload.onload = () => watch.saving();
    }
    xhr.onload = () => resolve({ status: xhr.status, text: xhr.responseText });
    xhr.onerror = () => reject(new Refusal(form ? words.brokeOff : words.unreachable));
    xhr.onabort = () => reject(signal.reason);
    signal?.addEventListener("abort", () => xhr.abort());
    xhr.send(form);
  });
}

// read returns the JSON of a success, null where it has no body, and throws
// everything else as a Refusal.
function read(status, text) {
  const success = status >= 200 && status < 300;
  if (success && text === "") {
    return null;
  }
  const body = parse(text);
  if (success && body) {
    return body;
  }
  throw new Refusal(body?.message || words.unexplained(status), status);
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
