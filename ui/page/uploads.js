// The uploads panel at the edge of the window: the progress of all uploads, a row for each
// upload or group of uploads in sight, and the buttons for all.

import { announce, button, el, onResize, setText } from "./dom.js";
import { percent } from "./intl.js";
import { convertsHEIC } from "./limits.js";
import { copyLinks } from "./links.js";
import { Previews } from "./preview.js";
import { row } from "./row.js";
import { Speed } from "./speed.js";
import { setTitle } from "./title.js";
import { Arrangement } from "./uploadgroups.js";
import { VirtualList } from "./virtuallist.js";
import * as words from "./words.js";

const RENDER_DELAY = 100; // milliseconds; changes within this time are rendered together
const TICK = 500; // milliseconds between two updates of the time left when nothing changes
const FAILURE_INTERVAL = 3000; // milliseconds between two announcements of failures

// FULL is the number of rows that fill the list. If the list has fewer rows without the stored
// uploads, it shows those, too, so that its height stays the same.
const FULL = 7;

// Uploads shows a queue in the section. Its callbacks are onOpen(image), onStored(image) for
// each image that the server has stored, and onClose() when the panel with the focus is
// closed.
export class Uploads {
  #section;
  #queue;
  #callbacks;
  #arrangement = new Arrangement();
  #changed = new Set(); // uploads that changed after the last rendering
  #skipped = 0; // system files that the page did not upload
  #folded = false;
  #showStored = null; // whether the list has the stored uploads; null until the reader decides
  #renderTimer = 0;
  #tickTimer = 0;
  #speed = new Speed();
  #announced = { count: 0, pause: "" }; // the size of the batch, and the pause, that were announced
  #failures = []; // uploads whose failure is not announced yet
  #nextFailureAt = 0; // when the next failures may be announced, in milliseconds like performance.now
  #summary = el("h2", { class: "summary", tabindex: -1 });
  #timeLeft = el("p", { class: "hint" });
  #fold = button(TEXT.foldUploads, () => this.#setFolded(!this.#folded), { icon: "fold", kind: "fold" });
  #close = button(TEXT.closeUploads, () => this.#clear(), { icon: "close" });
  #bar = el("progress", { max: 1, value: 0, "aria-label": TEXT.overall });
  #note = el("p", { class: "note" });
  #heic = el("p", { class: "hint heic" }, TEXT.heicCopies);
  #list;
  #storedLabel = el("span");
  #storedToggle = el("button", { type: "button", class: "stored-toggle", onclick: () => this.#toggleStored() }, this.#storedLabel);
  #copy = button("", () => copyLinks(this.#arrangement.stored.map((upload) => upload.image)), { kind: "link" });
  #skippedText = el("p", { class: "hint" });
  #cancel = button(TEXT.cancelAll, () => this.#queue.cancel(this.#queue.batch), { kind: "link" });
  #retry = button(TEXT.retryFailed, () => this.#queue.retry(this.#arrangement.failed), { kind: "link" });
  #clearButton = button(TEXT.clear, () => this.#clear(), { kind: "link" });
  #body;

  constructor(section, queue, callbacks) {
    this.#section = section;
    this.#queue = queue;
    this.#callbacks = callbacks;
    const previews = new Previews();
    this.#list = new VirtualList((item) => row(item, previews, {
      onOpen: callbacks.onOpen,
      onCancel: (upload) => queue.cancel([upload]),
      onRetry: (uploads, options) => queue.retry(uploads, options),
      onDismiss: (uploads) => this.#remove(uploads),
      onResize: () => this.#render(),
    }), { class: "rows", tabindex: 0, role: "group", "aria-label": TEXT.uploads }); // with a tab stop, people can scroll the list by keyboard
    this.#body = el("div", { id: "uploads-body" },
      this.#heic,
      this.#list.element,
      el("div", { class: "panel-foot" }, this.#storedToggle, this.#copy),
      el("div", { class: "panel-foot" }, this.#skippedText, this.#retry, this.#cancel, this.#clearButton));
    this.#fold.setAttribute("aria-controls", "uploads-body");
    section.append(
      el("div", { class: "panel-head" }, this.#summary, this.#timeLeft, this.#fold, this.#close),
      this.#bar, this.#note, this.#body);
    this.#setFolded(false);
    queue.addEventListener("change", ({ detail }) => this.#scheduleRender(detail));
    // The style sheets keep other parts of the page clear of the panel.
    onResize(section, () => document.documentElement.style.setProperty("--uploads-height", `${section.offsetHeight}px`));
  }

  // addSkipped counts system files that the page did not upload.
  addSkipped(count) {
    this.#skipped += count;
  }

  // remove removes the rows of an image that was deleted.
  remove(filename) {
    this.#remove(this.#queue.uploads.filter((upload) => upload.image?.filename === filename));
  }

  // replace shows a renamed image in the rows of the old image.
  replace(old, image) {
    for (const upload of this.#queue.uploads.filter((u) => u.image?.filename === old.filename)) {
      upload.image = { ...upload.image, ...image };
    }
    this.#scheduleRender([]);
  }

  // scheduleRender records changed uploads, and renders the panel a little later. It uses a
  // timer because requestAnimationFrame does not run in a background tab. The title of such
  // a tab must still show the progress.
  #scheduleRender(uploads) {
    uploads.forEach((upload) => this.#changed.add(upload));
    this.#renderTimer ||= setTimeout(() => this.#renderChanges(), RENDER_DELAY);
  }

  #renderChanges() {
    const changed = [...this.#changed];
    this.#changed.clear();
    clearTimeout(this.#renderTimer);
    this.#renderTimer = 0;
    changed.filter((upload) => upload.state === "stored").forEach((upload) => this.#callbacks.onStored(upload.image));
    this.#render();
    this.#announce(changed);
  }

  #render() {
    const { unfinished, uploads } = this.#queue;
    const arrangement = this.#arrangement;
    arrangement.update(uploads);
    const { stored, failed, refused } = arrangement;
    const items = arrangement.items(false);
    const showStored = this.#showStored ?? (!unfinished || items.length < FULL);
    this.#section.hidden = uploads.length === 0;
    this.#renderProgress();
    this.#heic.hidden = !(convertsHEIC() && uploads.some(isHEIC));
    this.#list.show(showStored ? arrangement.items(true) : items);
    setText(this.#storedLabel, words.uploaded(stored.length));
    setText(this.#copy, words.copyLinksOf(stored.length));
    this.#storedToggle.setAttribute("aria-expanded", showStored);
    this.#setVisible(this.#storedToggle, items.length > 0 && stored.length > 0); // otherwise the heading has the number
    this.#setVisible(this.#copy, stored.length > 0);
    setText(this.#skippedText, this.#skipped > 0 ? words.skipped(this.#skipped) : "");
    this.#setVisible(this.#retry, failed.length > 1);
    this.#setVisible(this.#cancel, unfinished);
    this.#setVisible(this.#clearButton, unfinished && stored.length + failed.length + refused.length > 0);
    this.#setVisible(this.#close, !unfinished);
  }

  // renderProgress shows how far the uploads are, in the panel and in the title of the tab.
  #renderProgress() {
    const { unfinished } = this.#queue;
    const { stored, failed, refused, cancelled } = this.#arrangement;
    const { count, ended, bytes, sent } = this.#queue.totals();
    const pause = this.#pause();
    if (!unfinished || pause) {
      this.#speed = new Speed();
    }
    onbeforeunload = unfinished ? (event) => event.preventDefault() : null;
    setTitle("progress", unfinished ? percent(sent / (bytes || 1)) : "");
    this.#bar.value = unfinished ? sent / (bytes || 1) : 1;
    this.#section.classList.toggle("all-failed", !unfinished && !stored.length && failed.length + refused.length > 0);
    setText(this.#summary, unfinished ? words.uploading(Math.min(ended + 1, count), count) : words.done(stored.length, failed.length + refused.length, cancelled.length));
    setText(this.#timeLeft, unfinished ? this.#timeLeftText(bytes, sent) : "");
    setText(this.#note, pause);
    clearTimeout(this.#tickTimer);
    if (unfinished) {
      this.#tickTimer = setTimeout(() => this.#scheduleRender([]), TICK);
    }
  }

  // pause says why the uploads wait, or nothing if they do not wait.
  #pause() {
    const { unfinished, offline, resumesAt } = this.#queue;
    const wait = Math.ceil((resumesAt - Date.now()) / 1000);
    if (!unfinished) {
      return "";
    }
    return offline ? TEXT.offline : wait > 0 ? words.busy(wait) : "";
  }

  #timeLeftText(bytes, sent) {
    this.#speed.add(sent, performance.now());
    const seconds = this.#speed.secondsFor(bytes - sent);
    return seconds > 0 ? words.timeLeft(seconds) : "";
  }

  // announce makes screen readers say how many uploads begin, why they pause, which fail, and
  // when the batch ends. If several failures wait to be said, it says only their number.
  #announce(changed) {
    const { batch, unfinished } = this.#queue;
    const pause = this.#pause();
    const started = unfinished ? batch.filter((upload) => upload.state !== "refused").length : 0;
    if (started > this.#announced.count) {
      announce(words.started(started));
    }
    if (pause && !this.#announced.pause) {
      announce(pause);
    }
    this.#announced = { count: started, pause };
    this.#announceFailures(changed.filter((upload) => upload.state === "failed" || upload.state === "refused"));
    if (changed.length > 0 && batch.length > 0 && !unfinished) {
      const count = (...states) => batch.filter((upload) => states.includes(upload.state)).length;
      announce(words.done(count("stored"), count("failed", "refused"), count("cancelled")));
    }
  }

  #announceFailures(uploads) {
    this.#failures.push(...uploads);
    const now = performance.now();
    if (this.#failures.length > 0 && (now >= this.#nextFailureAt || !this.#queue.unfinished)) {
      const [{ name, reason }] = this.#failures;
      announce(this.#failures.length === 1 ? words.failed(name, reason) : words.failures(this.#failures.length));
      this.#failures = [];
      this.#nextFailureAt = now + FAILURE_INTERVAL;
    }
  }

  #setFolded(folded) {
    this.#folded = folded;
    this.#body.hidden = folded;
    this.#fold.setAttribute("aria-expanded", !folded);
    this.#fold.title = folded ? TEXT.unfoldUploads : TEXT.foldUploads;
  }

  #toggleStored() {
    this.#showStored = this.#storedToggle.getAttribute("aria-expanded") !== "true";
    this.#render();
  }

  // setVisible shows or hides a button. If a hidden button had the focus, the heading gets
  // the focus.
  #setVisible(element, visible) {
    if (!visible && document.activeElement === element) {
      this.#summary.focus();
    }
    element.hidden = !visible;
  }

  #clear() {
    this.#skipped = 0;
    this.#showStored = null;
    this.#remove(this.#queue.uploads);
  }

  // remove removes uploads that have ended, and their rows.
  #remove(uploads) {
    const focused = this.#section.contains(document.activeElement);
    this.#queue.remove(uploads);
    this.#renderChanges();
    if (this.#section.hidden) {
      this.#setFolded(false);
    }
    if (focused && this.#section.hidden) {
      this.#callbacks.onClose();
    } else if (focused && document.activeElement === document.body) {
      this.#summary.focus();
    }
  }
}

function isHEIC({ name, image }) {
  return image ? image.content_type === "image/heic" : /\.hei[cf]$/i.test(name);
}
