// One upload on the page.

import { button, el } from "./dom.js";
import { facts, picture } from "./image.js";
import { size } from "./intl.js";
import { copyButton } from "./links.js";
import * as words from "./words.js";

// What can be done with an upload that has ended. Others can be cancelled.
const actions = { stored: "copy", failed: "retry", cancelled: "retry", refused: "none" };

// Row shows one Upload: its class is the upload's state. does has what its
// buttons do: cancel(upload), retry(upload), and open(image).
export class Row {
  upload;
  #does;
  #previews;
  #canvas;
  #picture = el("div", { class: "picture" });
  #name = el("p", { class: "name", dir: "auto" });
  #bar = null;
  #status = el("p", { class: "status" });
  #actions = el("div", { class: "actions" });
  #state = "";
  #offered = ""; // the action that is there

  constructor(upload, previews, does) {
    this.upload = upload;
    this.#does = does;
    this.#previews = previews;
    this.#name.textContent = upload.name;
    this.element = el("li", {},
      this.#picture,
      el("div", { class: "about" }, this.#name, this.#status),
      this.#actions);
    this.#canvas = previews.canvas(upload);
    this.#picture.append(extension(upload.name), this.#canvas);
    this.render();
  }

  // render brings the row up to date.
  render() {
    const { upload } = this;
    const anew = this.#state !== upload.state;
    this.#state = upload.state;
    this.element.className = upload.state;
    this.#progress();
    const status = this.#text();
    if (this.#status.textContent !== status) {
      this.#status.textContent = status;
    }
    if (anew) {
      this.#settle();
    }
  }

  // free lets go of what the row holds.
  free() {
    if (this.#canvas) {
      this.#previews.free(this.#canvas);
      this.#canvas = null;
    }
  }

  // progress shows the bar while there is progress to show.
  #progress() {
    if (this.upload.active && !this.#bar) {
      this.#bar = el("progress", { max: 1, "aria-label": words.progress(this.upload.name) });
      this.#name.after(this.#bar);
    } else if (!this.upload.active && this.#bar) {
      this.#bar.remove();
      this.#bar = null;
    }
    if (this.#bar) {
      this.#bar.value = this.upload.sent;
    }
  }

  #text() {
    const { upload } = this;
    const sized = (text) => `${size(upload.size)} · ${text}`;
    switch (upload.state) {
    case "sending":
      return sized(words.sending(upload.sent));
    case "cancelled":
      return sized(upload.late ? words.cancelledLate : words.cancelled);
    case "failed":
    case "refused":
      return words.reasonAlone(upload.name, upload.reason);
    case "stored":
      return this.#outcome();
    default:
      return sized(words[upload.state]);
    }
  }

  #outcome() {
    const { image, name } = this.upload;
    const notes = [facts(image)];
    if (image.filename !== name.normalize("NFC")) {
      notes.push(words.renamed(name, image.filename));
    }
    if (image.duplicate) {
      notes.push(words.duplicate);
    }
    return notes.join(". ");
  }

  // settle shows what goes with a new state: the picture that is stored, and
  // what can be done now.
  #settle() {
    const { upload } = this;
    if (upload.state === "stored") {
      this.free();
      this.#name.textContent = upload.image.filename;
      const stored = picture(upload.image, this.#does.open);
      this.#picture.replaceWith(stored);
      this.#picture = stored;
    }
    this.#offer();
  }

  // offer shows the button for what can be done now. The same button stays, or
  // a click that has begun would be lost. Another takes over its focus.
  #offer() {
    const { upload } = this;
    const action = actions[upload.state] ?? "cancel";
    if (action === this.#offered) {
      return;
    }
    this.#offered = action;
    const focused = this.#actions.contains(document.activeElement);
    const act = action === "copy" ? copyButton(upload.image)
      : action !== "none" && button(words[action], () => this.#does[action](upload), { about: upload.name });
    this.#actions.replaceChildren(...(act ? [act] : []));
    if (focused) {
      (act || this.element.closest("[tabindex]")).focus();
    }
  }
}

// extension stands behind the preview, and in its place where there is none.
function extension(name) {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? "" : name.slice(dot + 1, dot + 5).toUpperCase();
}
