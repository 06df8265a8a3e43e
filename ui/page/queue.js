// The upload queue decides which uploads are sent now, which uploads wait, and what
// happens after a failure. It does not use the elements of the page.

import { delayOrOnline } from "./back.js";

const PARALLEL = 3; // uploads at a time; if the server is busy, only 1 until an upload succeeds
const TRIES = 3; // how often an upload is sent if its connection is lost but the server responds

const BUSY = [429, 503]; // statuses of a response with Retry-After
const LOST = [0, 408, 502, 504]; // no response, or the status of a proxy that got no response

// Queue sends Uploads with send(upload, callbacks, signal), which returns the image or
// throws an api.RequestError. isReachable() checks whether the server responds.
//
// After each change, Queue dispatches the event "change". The detail of the event is an
// array of the uploads that changed. The array is empty if only the queue changed.
export class Queue extends EventTarget {
  uploads = []; // all uploads; those that were added last are first
  batch = []; // the uploads that were added since the queue was last empty; "3 of 12" is about these
  offline = false;
  resumesAt = 0; // when the next request to a busy server may be sent, in milliseconds like Date.now
  #parallel = PARALLEL;
  #send;
  #isReachable;
  #timer = 0;

  constructor({ send, isReachable }) {
    super();
    this.#send = send;
    this.#isReachable = isReachable;
  }

  // unfinished reports whether any upload has not ended.
  get unfinished() {
    return this.batch.some((upload) => !upload.ended);
  }

  add(uploads) {
    this.uploads = [...uploads, ...this.uploads];
    this.#enqueue(uploads);
  }

  // retry sends uploads again. The options replace the options of the uploads.
  retry(uploads, options = {}) {
    uploads.forEach((upload) => upload.reset(options));
    this.#enqueue(uploads);
  }

  cancel(uploads) {
    const cancelled = uploads.filter((upload) => !upload.ended);
    for (const upload of cancelled) {
      const { active } = upload;
      upload.cancelledLate = upload.state === "saving";
      upload.state = "cancelled";
      if (active) {
        upload.abort.abort(); // slow, because it makes an error
      }
    }
    this.#changed(cancelled);
    this.#next();
  }

  // remove removes uploads that have ended.
  remove(uploads) {
    const removed = new Set(uploads.filter((upload) => upload.ended));
    this.uploads = this.uploads.filter((upload) => !removed.has(upload));
    this.#changed([]);
  }

  // totals counts the uploads of the batch. count: all uploads. ended: the uploads
  // that have ended. bytes is the size of all uploads that are not refused and not
  // cancelled, and sent is how much of it is sent.
  totals() {
    const totals = { count: this.batch.length, ended: 0, bytes: 0, sent: 0 };
    for (const upload of this.batch) {
      totals.ended += upload.ended ? 1 : 0;
      if (upload.state !== "refused" && upload.state !== "cancelled") {
        totals.bytes += upload.size;
        totals.sent += upload.size * (upload.ended ? 1 : upload.sent);
      }
    }
    return totals;
  }

  #enqueue(uploads) {
    if (!this.unfinished) {
      this.batch = [];
    }
    const counted = new Set(this.batch);
    this.batch = this.batch.concat(uploads.filter((upload) => !counted.has(upload)));
    this.#changed(uploads);
    this.#next();
  }

  // next starts waiting uploads, until the allowed number of uploads is being sent.
  #next() {
    const wait = this.resumesAt - Date.now();
    if (!this.offline && wait <= 0) {
      const free = this.#parallel - this.batch.filter((upload) => upload.active).length;
      const waiting = this.batch.filter((upload) => upload.state === "waiting");
      waiting.slice(0, Math.max(free, 0)).forEach((upload) => this.#run(upload));
    } else if (wait > 0) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#next(), wait);
    }
    this.#changed([]);
  }

  async #run(upload) {
    const { abort } = upload;
    const isCurrent = () => upload.abort === abort && !upload.ended; // the upload was not cancelled or started again meanwhile
    const update = (change) => (value) => {
      if (isCurrent()) {
        this.#set(upload, change(value));
      }
    };
    this.#set(upload, { state: "sending", sent: 0 });
    try {
      const image = await this.#send(upload, {
        sending: update((sent) => ({ state: "sending", sent })),
        saving: update(() => ({ state: "saving", sent: 1 })),
        locked: update(() => ({ state: "locked", sent: 0 })),
      }, abort.signal);
      if (isCurrent()) {
        this.#parallel = PARALLEL;
        this.#set(upload, { state: "stored", sent: 1, image });
      }
    } catch (error) {
      if (isCurrent()) {
        await this.#handleFailure(upload, error, isCurrent);
      }
    }
    this.#next();
  }

  // handleFailure decides what happens after a failure. The upload is sent again at once,
  // waits until the server responds again, or ends.
  async #handleFailure(upload, error, isCurrent) {
    if (BUSY.includes(error.status) && error.retryAfter > 0) {
      this.#parallel = 1;
      this.resumesAt = Math.max(this.resumesAt, Date.now() + error.retryAfter * 1000);
      this.#set(upload, { state: "waiting", sent: 0 });
      return;
    }
    if (!LOST.includes(error.status)) {
      this.#set(upload, { state: error.retryable ? "failed" : "refused", kind: error.code, reason: error.message });
      return;
    }
    const readable = await upload.file.slice(0, 1).arrayBuffer().then(() => true, () => false);
    const reachable = readable && await this.#isReachable();
    if (!isCurrent()) {
      return;
    }
    if (!readable) {
      this.#set(upload, { state: "refused", kind: "unreadable", reason: TEXT.unreadable });
    } else if (!reachable) {
      this.#set(upload, { state: "waiting", sent: 0 });
      this.#awaitServer();
    } else if (++upload.interruptions < TRIES) {
      this.#set(upload, { state: "waiting", sent: 0 });
    } else {
      this.#set(upload, { state: "failed", kind: "connection_lost", reason: TEXT.connectionLost });
    }
  }

  // awaitServer checks whether the server responds again, and then continues with the
  // waiting uploads. It stops checking when all uploads have ended.
  async #awaitServer() {
    if (this.offline) {
      return;
    }
    this.offline = true;
    this.#changed([]);
    for (let probe = 0; this.unfinished; probe++) {
      await delayOrOnline(probe);
      if (await this.#isReachable()) {
        break;
      }
    }
    this.offline = false;
    this.#next();
  }

  #set(upload, changes) {
    Object.assign(upload, changes);
    this.#changed([upload]);
  }

  #changed(uploads) {
    this.dispatchEvent(new CustomEvent("change", { detail: uploads }));
  }
}
