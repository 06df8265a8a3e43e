// The list of uploads: a row for each, and what can be said and done of all.

import { announce, button, el } from "./dom.js";
import { percent } from "./intl.js";
import { copyLinks, formChooser } from "./links.js";
import { Previews } from "./preview.js";
import { Row } from "./row.js";
import { inSlices } from "./slices.js";
import { Speed } from "./speed.js";
import { title } from "./title.js";
import * as words from "./words.js";

const SLICE = 25; // rows made before the browser gets its turn
const PAUSE = 100; // milliseconds between two looks at what has changed
const TICK = 500; // milliseconds between two looks while nothing does: the time left goes on
const QUIET = 3000; // milliseconds after failures were announced without announcing more

// Uploads renders a queue into the section, a little later than it changes:
// hundreds of changes a second are one. It calls stored with each image when it
// is on the server.
export class Uploads {
  #section;
  #queue;
  #stored;
  #does;
  #rows = new Map(); // Upload → Row
  #previews = new Previews();
  #changed = new Set();
  #timer = 0;
  #tick = 0;
  #speed = new Speed();
  #quarter = 0; // of the batch, as last announced
  #untold = []; // what is to be announced of failures
  #quiet = 0; // when that may be, as performance.now tells time
  #list = el("ul", { role: "list" }); // Safari forgets that on a list without bullets
  #summary = el("p", { class: "summary" });
  #note = el("p", { class: "note", hidden: true });
  #bar = el("progress", { max: 1, value: 0, "aria-label": words.overall });
  #buttons;

  constructor(section, { stored, open }) {
    this.#section = section;
    this.#stored = stored;
    this.#does = {
      open,
      cancel: (upload) => this.#queue.cancel([upload]),
      retry: (upload) => this.#queue.retry([upload]),
    };
    this.#buttons = {
      cancel: button(words.cancelAll, () => this.#queue.cancel(this.#queue.batch)),
      retry: button(words.retryFailed, () => this.#queue.retry(this.#inState("failed"))),
      copy: button(words.copyAll, () => copyLinks(this.#listed("stored").map((upload) => upload.image))),
      clear: button(words.clear, () => this.#clear()),
    };
    section.append(
      el("div", { class: "heading" }, el("h2", { id: "uploads-title" }, words.uploads), this.#summary),
      this.#bar,
      this.#note,
      el("div", { class: "actions" }, ...Object.values(this.#buttons), formChooser()),
      // What scrolls can be reached by keyboard as well.
      el("div", { class: "rows", tabindex: 0, role: "group", "aria-labelledby": "uploads-title" }, this.#list));
  }

  // attach gives it the queue, which calls changed.
  attach(queue) {
    this.#queue = queue;
  }

  // add shows a batch of uploads above the earlier ones. Rows are made a few
  // at a time, so that hundreds do not stop the page.
  async add(uploads) {
    const begun = uploads.filter((upload) => !upload.ended).length;
    if (begun > 0) {
      announce(words.started(begun));
    }
    this.#section.hidden = false;
    const place = el("li", { hidden: true });
    this.#list.prepend(place);
    await inSlices(uploads, SLICE, (some) => {
      const kept = some.filter((upload) => this.#queue.uploads.includes(upload));
      const rows = kept.map((upload) => this.#row(upload));
      place.before(...rows.map((row) => row.element));
    });
    place.remove();
  }

  // changed notes what is to be rendered: an upload, or the queue as a whole.
  changed(upload) {
    if (upload) {
      this.#changed.add(upload);
    }
    // Not requestAnimationFrame: that rests in a tab that nobody looks at, and
    // the tab's title shows how far the uploads are.
    this.#timer ||= setTimeout(() => {
      this.#timer = 0;
      this.#render();
    }, PAUSE);
  }

  // forget takes away the rows of an image that is deleted.
  forget(filename) {
    this.#drop((upload) => upload.image?.filename === filename);
  }

  // replace shows what a stored image has become: it was renamed.
  replace(image, became) {
    for (const upload of this.#queue.uploads.filter((u) => u.image?.filename === image.filename)) {
      upload.image = { ...upload.image, ...became };
      const old = this.#rows.get(upload);
      old?.element.replaceWith(this.#row(upload).element);
    }
  }

  #row(upload) {
    const row = new Row(upload, this.#previews, this.#does);
    this.#rows.set(upload, row);
    return row;
  }

  #render() {
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const upload of changed) {
      this.#rows.get(upload)?.render();
      if (upload.state === "stored") {
        this.#stored(upload.image);
      }
    }
    this.#tell(changed);
    this.#summarize();
  }

  // tell announces failures, the quarters, and the end. Of many failures in a
  // short time it tells the number.
  #tell(changed) {
    const { busy } = this.#queue;
    const failed = changed.filter((upload) => upload.state === "failed" || upload.state === "refused");
    this.#untold.push(...failed.map((upload) => words.failed(upload.name, upload.reason)));
    const now = performance.now();
    if (this.#untold.length > 0 && (!busy || now >= this.#quiet)) {
      (this.#untold.length > 3 ? [words.failures(this.#untold.length)] : this.#untold).forEach(announce);
      this.#untold = [];
      this.#quiet = now + QUIET;
    }
    const { count, ended, stored, bytes, sent } = this.#queue.totals();
    const quarter = busy ? Math.floor((4 * sent) / (bytes || 1)) : 0;
    if (quarter > this.#quarter && quarter < 4) {
      announce(words.quarter(quarter / 4));
    }
    this.#quarter = quarter;
    if (count > 0 && ended === count && changed.length > 0) {
      announce(words.done(stored, count - stored));
    }
  }

  // summarize shows how far all is, and what can be done about all.
  #summarize() {
    const { busy, offline, resumes, reason } = this.#queue;
    const { count, ended, stored, bytes, sent } = this.#queue.totals();
    const wait = Math.ceil((resumes - Date.now()) / 1000);
    const halted = offline || wait > 0;
    if (!busy || halted) {
      this.#speed = new Speed();
    }
    onbeforeunload = busy ? (event) => event.preventDefault() : null;
    title("progress", busy ? percent(sent / (bytes || 1)) : "");
    this.#bar.value = sent / (bytes || 1);
    this.#bar.hidden = !busy;
    this.#summary.textContent = busy ? this.#pace(words.count(ended, count), bytes, sent) : words.done(stored, count - stored);
    this.#note.hidden = !busy || !halted;
    this.#note.textContent = offline ? words.offline : words.busy(reason, wait);
    this.#offer(this.#buttons.cancel, busy);
    this.#offer(this.#buttons.retry, this.#inState("failed").length > 1);
    this.#offer(this.#buttons.copy, this.#inState("stored").length > 1);
    this.#offer(this.#buttons.clear, this.#queue.uploads.some((upload) => upload.ended));
    this.#section.hidden = this.#rows.size === 0 && this.#queue.uploads.length === 0;
    clearTimeout(this.#tick);
    if (busy) {
      this.#tick = setTimeout(() => this.changed(), TICK);
    }
  }

  #pace(text, bytes, sent) {
    this.#speed.see(sent, performance.now());
    const left = this.#speed.left(bytes - sent);
    return left && bytes > sent ? `${text} · ${words.speed(left.rate, left.seconds)}` : text;
  }

  // offer shows or hides a button. Focus does not fall out of the page with it.
  #offer(button, wanted) {
    if (!wanted && document.activeElement === button) {
      this.#list.parentElement.focus();
    }
    button.hidden = !wanted;
  }

  #inState(state) {
    return this.#queue.uploads.filter((upload) => upload.state === state);
  }

  // listed returns the uploads in a state in the order of their rows.
  #listed(state) {
    const place = new Map([...this.#list.children].map((element, i) => [element, i]));
    const at = (upload) => place.get(this.#rows.get(upload)?.element);
    return this.#inState(state).sort((a, b) => at(a) - at(b));
  }

  // home takes the focus when what had it is gone.
  #home() {
    (this.#section.hidden ? document.getElementById("file") : this.#list.parentElement).focus();
  }

  #clear() {
    this.#drop((upload) => upload.ended);
    this.#home();
  }

  #drop(unwanted) {
    const uploads = this.#queue.uploads.filter(unwanted);
    const focused = this.#list.contains(document.activeElement);
    for (const upload of uploads) {
      const row = this.#rows.get(upload);
      row?.free();
      row?.element.remove();
      this.#rows.delete(upload);
    }
    this.#queue.forget(uploads);
    this.#section.hidden = this.#rows.size === 0;
    if (focused && document.activeElement === document.body) {
      this.#home();
    }
  }
}
