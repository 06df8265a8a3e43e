// The list of uploads on the page. It has a row for each upload, and the totals and buttons
// for all uploads.

import { announce, button, el } from "./dom.js";
import { percent } from "./intl.js";
import { copyLinks, linkFormatChooser } from "./links.js";
import { Previews } from "./preview.js";
import { Row } from "./row.js";
import { forEachSlice } from "./slices.js";
import { Speed } from "./speed.js";
import { setTitle } from "./title.js";
import * as words from "./words.js";

const SLICE = 25; // rows made at a time, so that the page stays responsive
const RENDER_DELAY = 100; // milliseconds; changes within this time are rendered together
const TICK = 500; // milliseconds between two updates of the time left when nothing changes
const FAILURE_INTERVAL = 3000; // milliseconds between two announcements of failures

// Uploads shows a queue in the section. Its callbacks are onOpen(image) and
// onStored(image). It calls onStored for each image that the server has stored.
export class Uploads {
  #section;
  #queue;
  #onStored;
  #rowCallbacks;
  #rows = new Map(); // Upload → Row
  #previews = new Previews();
  #changed = new Set();
  #renderTimer = 0;
  #tickTimer = 0;
  #speed = new Speed();
  #announcedQuarter = 0; // the last quarter of the batch that was announced
  #failureMessages = []; // failures that are not announced yet
  #nextFailureAt = 0; // when the next failures may be announced, in milliseconds like performance.now
  #list = el("ul", { role: "list" }); // in Safari, a list without bullets otherwise loses its role
  #summary = el("p", { class: "summary" });
  #note = el("p", { class: "note", hidden: true });
  #bar = el("progress", { max: 1, value: 0, "aria-label": words.overall });
  #buttons;

  constructor(section, queue, { onOpen, onStored }) {
    this.#section = section;
    this.#queue = queue;
    this.#onStored = onStored;
    this.#rowCallbacks = {
      onOpen,
      onCancel: (upload) => queue.cancel([upload]),
      onRetry: (upload) => queue.retry([upload]),
    };
    this.#buttons = {
      cancel: button(words.cancelAll, () => queue.cancel(queue.batch)),
      retry: button(words.retryFailed, () => queue.retry(this.#inState("failed"))),
      copy: button(words.copyAll, () => copyLinks(this.#inRowOrder("stored").map((upload) => upload.image))),
      clear: button(words.clear, () => this.#clear()),
    };
    section.append(
      el("div", { class: "heading" }, el("h2", { id: "uploads-title" }, words.uploads), this.#summary),
      this.#bar,
      this.#note,
      el("div", { class: "actions" }, ...Object.values(this.#buttons), linkFormatChooser()),
      // With a tab stop, people can scroll the list by keyboard.
      el("div", { class: "rows", tabindex: 0, role: "group", "aria-labelledby": "uploads-title" }, this.#list));
    queue.subscribe((upload) => this.#scheduleRender(upload));
  }

  // add shows a batch of uploads above the earlier uploads.
  async add(uploads) {
    const begun = uploads.filter((upload) => !upload.ended).length;
    if (begun > 0) {
      announce(words.started(begun));
    }
    this.#section.hidden = false;
    const end = el("li", { hidden: true }); // marks the end of the batch while its rows are made
    this.#list.prepend(end);
    await forEachSlice(uploads, SLICE, (slice) => {
      const present = slice.filter((upload) => this.#queue.uploads.includes(upload));
      const rows = present.map((upload) => this.#makeRow(upload));
      end.before(...rows.map((row) => row.element));
    });
    end.remove();
  }

  // remove removes the rows of an image that was deleted.
  remove(filename) {
    this.#removeRows((upload) => upload.image?.filename === filename);
  }

  // replace shows a renamed image in the rows of the old image.
  replace(old, image) {
    for (const upload of this.#queue.uploads.filter((u) => u.image?.filename === old.filename)) {
      upload.image = { ...upload.image, ...image };
      const row = this.#rows.get(upload);
      row?.element.replaceWith(this.#makeRow(upload).element);
    }
  }

  #makeRow(upload) {
    const row = new Row(upload, this.#previews, this.#rowCallbacks);
    this.#rows.set(upload, row);
    return row;
  }

  // scheduleRender records a change of an upload or of the whole queue, and renders it a
  // little later. It uses a timer because requestAnimationFrame does not run in a background
  // tab. The title of such a tab must still show the progress.
  #scheduleRender(upload) {
    if (upload) {
      this.#changed.add(upload);
    }
    this.#renderTimer ||= setTimeout(() => {
      this.#renderTimer = 0;
      this.#render();
    }, RENDER_DELAY);
  }

  #render() {
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const upload of changed) {
      this.#rows.get(upload)?.render();
      if (upload.state === "stored") {
        this.#onStored(upload.image);
      }
    }
    this.#announceChanges(changed);
    this.#renderTotals();
  }

  // announceChanges announces failures, each quarter of the batch, and the end of the
  // batch. If there are many failures in a short time, it announces only their number.
  #announceChanges(changed) {
    const { unfinished } = this.#queue;
    const failed = changed.filter((upload) => upload.state === "failed" || upload.state === "refused");
    this.#failureMessages.push(...failed.map((upload) => words.failed(upload.name, upload.reason)));
    const now = performance.now();
    if (this.#failureMessages.length > 0 && (!unfinished || now >= this.#nextFailureAt)) {
      (this.#failureMessages.length > 3 ? [words.failures(this.#failureMessages.length)] : this.#failureMessages).forEach(announce);
      this.#failureMessages = [];
      this.#nextFailureAt = now + FAILURE_INTERVAL;
    }
    const { count, ended, stored, bytes, sent } = this.#queue.totals();
    const quarter = unfinished ? Math.floor((4 * sent) / (bytes || 1)) : 0;
    if (quarter > this.#announcedQuarter && quarter < 4) {
      announce(words.quarter(quarter / 4));
    }
    this.#announcedQuarter = quarter;
    if (count > 0 && ended === count && changed.length > 0) {
      announce(words.done(stored, count - stored));
    }
  }

  // renderTotals shows the progress of all uploads, and the buttons for all.
  #renderTotals() {
    const { unfinished, offline, resumesAt, busyReason } = this.#queue;
    const { count, ended, stored, bytes, sent } = this.#queue.totals();
    const wait = Math.ceil((resumesAt - Date.now()) / 1000);
    const paused = offline || wait > 0;
    if (!unfinished || paused) {
      this.#speed = new Speed();
    }
    onbeforeunload = unfinished ? (event) => event.preventDefault() : null;
    setTitle("progress", unfinished ? percent(sent / (bytes || 1)) : "");
    this.#bar.value = sent / (bytes || 1);
    this.#bar.hidden = !unfinished;
    this.#summary.textContent = unfinished ? this.#withSpeed(words.count(ended, count), bytes, sent) : words.done(stored, count - stored);
    this.#note.hidden = !unfinished || !paused;
    this.#note.textContent = offline ? words.offline : words.busy(busyReason, wait);
    this.#setVisible(this.#buttons.cancel, unfinished);
    this.#setVisible(this.#buttons.retry, this.#inState("failed").length > 1);
    this.#setVisible(this.#buttons.copy, this.#inState("stored").length > 1);
    this.#setVisible(this.#buttons.clear, this.#queue.uploads.some((upload) => upload.ended));
    this.#section.hidden = this.#rows.size === 0 && this.#queue.uploads.length === 0;
    clearTimeout(this.#tickTimer);
    if (unfinished) {
      this.#tickTimer = setTimeout(() => this.#scheduleRender(), TICK);
    }
  }

  #withSpeed(text, bytes, sent) {
    this.#speed.add(sent, performance.now());
    const estimate = this.#speed.estimate(bytes - sent);
    return estimate && bytes > sent ? `${text} · ${words.speed(estimate.rate, estimate.seconds)}` : text;
  }

  // setVisible shows or hides a button. If a hidden button had the focus, the list gets the
  // focus.
  #setVisible(button, visible) {
    if (!visible && document.activeElement === button) {
      this.#list.parentElement.focus();
    }
    button.hidden = !visible;
  }

  #inState(state) {
    return this.#queue.uploads.filter((upload) => upload.state === state);
  }

  // inRowOrder returns the uploads that are in this state, in the order of their rows.
  #inRowOrder(state) {
    const positions = new Map([...this.#list.children].map((element, i) => [element, i]));
    const position = (upload) => positions.get(this.#rows.get(upload)?.element);
    return this.#inState(state).sort((a, b) => position(a) - position(b));
  }

  // restoreFocus moves the focus into the page when the element with the focus is removed.
  #restoreFocus() {
    (this.#section.hidden ? document.getElementById("upload") : this.#list.parentElement).focus();
  }

  #clear() {
    this.#removeRows((upload) => upload.ended);
    this.#restoreFocus();
  }

  #removeRows(matches) {
    const uploads = this.#queue.uploads.filter(matches);
    const focused = this.#list.contains(document.activeElement);
    for (const upload of uploads) {
      const row = this.#rows.get(upload);
      row?.release();
      row?.element.remove();
      this.#rows.delete(upload);
    }
    this.#queue.remove(uploads);
    this.#section.hidden = this.#rows.size === 0;
    if (focused && document.activeElement === document.body) {
      this.#restoreFocus();
    }
  }
}
