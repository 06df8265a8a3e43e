// The uploads: which of them go now, which wait, and what goes on after
// something went wrong. It knows nothing of the page.

import * as words from "./words.js";

const PARALLEL = 3; // on the wire at a time; after a busy server's answer one, until that is stored
const TRIES = 3; // of an upload that breaks off while the server can be reached
const PROBES = [1, 2, 4, 8, 15]; // seconds between looks for a server that is gone

const BUSY = [429, 503]; // a Retry-After says when to come again
const BROKEN = [0, 408, 502, 504]; // no answer, or one that says only that there was none

// Queue sends Uploads with send(file, watch, signal), which returns the image
// or throws an api.Refusal, and asks reachable() whether the server answers.
// It calls changed with an Upload each time that changes, and without one when
// the queue as a whole does.
export class Queue {
  uploads = []; // all of them, in the order they came
  batch = []; // those since nothing was left to do: what "3 of 12" counts
  offline = false;
  resumes = 0; // when a busy server may be asked again, as Date.now tells time
  reason = ""; // what that server said, for people
  #parallel = PARALLEL;
  #send;
  #reachable;
  #changed;
  #timer = 0;

  constructor({ send, reachable, changed }) {
    this.#send = send;
    this.#reachable = reachable;
    this.#changed = changed;
  }

  // busy is whether anything is left to do.
  get busy() {
    return this.batch.some((upload) => !upload.ended);
  }

  add(uploads) {
    this.uploads.push(...uploads);
    this.#enlist(uploads);
  }

  retry(uploads) {
    uploads.forEach((upload) => upload.again());
    this.#enlist(uploads);
  }

  cancel(uploads) {
    for (const upload of uploads.filter((u) => !u.ended)) {
      upload.late = upload.state === "saving";
      this.#set(upload, { state: "cancelled" });
      upload.abort.abort();
    }
    this.#next();
  }

  // forget drops uploads that have ended.
  forget(uploads) {
    const gone = new Set(uploads.filter((upload) => upload.ended));
    this.uploads = this.uploads.filter((upload) => !gone.has(upload));
    this.#changed();
  }

  // totals counts the batch: how many there are, have ended and are stored,
  // and the bytes of those that are neither refused nor cancelled, all and sent.
  totals() {
    const totals = { count: this.batch.length, ended: 0, stored: 0, bytes: 0, sent: 0 };
    for (const upload of this.batch) {
      totals.ended += upload.ended ? 1 : 0;
      totals.stored += upload.state === "stored" ? 1 : 0;
      if (upload.state !== "refused" && upload.state !== "cancelled") {
        totals.bytes += upload.size;
        totals.sent += upload.size * (upload.ended ? 1 : upload.sent);
      }
    }
    return totals;
  }

  #enlist(uploads) {
    if (!this.busy) {
      this.batch = [];
    }
    const counted = new Set(this.batch);
    this.batch.push(...uploads.filter((upload) => !counted.has(upload)));
    uploads.forEach((upload) => this.#changed(upload));
    this.#next();
  }

  // next begins as many uploads as may go.
  #next() {
    const wait = this.resumes - Date.now();
    if (!this.offline && wait <= 0) {
      const free = this.#parallel - this.batch.filter((upload) => upload.active).length;
      const waiting = this.batch.filter((upload) => upload.state === "waiting");
      waiting.slice(0, Math.max(free, 0)).forEach((upload) => this.#run(upload));
    } else if (wait > 0) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#next(), wait);
    }
    this.#changed();
  }

  async #run(upload) {
    const { abort } = upload;
    const current = () => upload.abort === abort && !upload.ended;
    const watch = (change) => (value) => {
      if (current()) {
        this.#set(upload, change(value));
      }
    };
    this.#set(upload, { state: "sending", sent: 0 });
    try {
      const image = await this.#send(upload.file, {
        sending: watch((sent) => ({ state: "sending", sent })),
        saving: watch(() => ({ state: "saving", sent: 1 })),
        locked: watch(() => ({ state: "locked", sent: 0 })),
      }, abort.signal);
      if (current()) {
        this.#parallel = PARALLEL;
        this.#set(upload, { state: "stored", sent: 1, image });
      }
    } catch (error) {
      if (current()) {
        await this.#failed(upload, error, current);
      }
    }
    this.#next();
  }

  // failed decides what becomes of an upload: another try, now or when the
  // server is there again, or its end.
  async #failed(upload, error, current) {
    if (BUSY.includes(error.status) && error.wait > 0) {
      this.#parallel = 1;
      this.resumes = Math.max(this.resumes, Date.now() + error.wait * 1000);
      this.reason = error.message;
      this.#set(upload, { state: "waiting", sent: 0 });
      return;
    }
    if (!BROKEN.includes(error.status)) {
      this.#set(upload, { state: error.mayPass ? "failed" : "refused", reason: error.message });
      return;
    }
    const readable = await upload.file.slice(0, 1).arrayBuffer().then(() => true, () => false);
    const reachable = readable && await this.#reachable();
    if (!current()) {
      return; // cancelled meanwhile
    }
    if (!readable) {
      this.#set(upload, { state: "refused", reason: words.unreadable });
    } else if (!reachable) {
      this.#set(upload, { state: "waiting", sent: 0 });
      this.#await();
    } else if (++upload.breaks < TRIES) {
      this.#set(upload, { state: "waiting", sent: 0 });
    } else {
      this.#set(upload, { state: "failed", reason: words.brokeOff });
    }
  }

  // await goes on when the server is there again. It stops looking when there
  // is nothing left to send.
  async #await() {
    if (this.offline) {
      return;
    }
    this.offline = true;
    this.#changed();
    for (let probe = 0; this.busy; probe++) {
      await waited(PROBES[Math.min(probe, PROBES.length - 1)]);
      if (await this.#reachable()) {
        break;
      }
    }
    this.offline = false;
    this.#next();
  }

  #set(upload, changes) {
    Object.assign(upload, changes);
    this.#changed(upload);
  }
}

// waited resolves after so many seconds, and as soon as the browser says that
// there is a network again.
function waited(seconds) {
  const over = AbortSignal.timeout(seconds * 1000);
  return new Promise((resolve) => {
    over.addEventListener("abort", resolve);
    addEventListener("online", resolve, { once: true, signal: over });
  });
}
