// The row of one upload.

import { button, el } from "./dom.js";
import { facts, thumbnailLink } from "./image.js";
import { size } from "./intl.js";
import { copyButton } from "./links.js";
import * as words from "./words.js";

// The action for an upload that has ended. The reader can cancel the other uploads.
const actions = { stored: "copy", failed: "retry", cancelled: "retry", refused: "none" };

// Row shows one Upload. Its element has the state of the upload as its class. Its
// callbacks are onCancel(upload), onRetry(upload) and onOpen(image).
export class Row {
  upload;
  #callbacks;
  #previews;
  #canvas;
  #picture = el("div", { class: "picture" });
  #name = el("p", { class: "name", dir: "auto" });
  #bar = null;
  #status = el("p", { class: "status" });
  #actions = el("div", { class: "actions" });
  #renderedState = "";
  #renderedAction = "";

  constructor(upload, previews, callbacks) {
    this.upload = upload;
    this.#callbacks = callbacks;
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

  // render shows the current state of the upload.
  render() {
    const { upload } = this;
    const stateChanged = this.#renderedState !== upload.state;
    this.#renderedState = upload.state;
    this.element.className = upload.state;
    this.#renderProgress();
    const status = this.#statusText();
    if (this.#status.textContent !== status) {
      this.#status.textContent = status;
    }
    if (stateChanged) {
      this.#renderState();
    }
  }

  // release frees the memory of the preview.
  release() {
    if (this.#canvas) {
      this.#previews.release(this.#canvas);
      this.#canvas = null;
    }
  }

  // renderProgress shows the bar while the upload is active.
  #renderProgress() {
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

  #statusText() {
    const { upload } = this;
    const withSize = (text) => `${size(upload.size)} · ${text}`;
    switch (upload.state) {
    case "sending":
      return withSize(words.sending(upload.sent));
    case "cancelled":
      return withSize(upload.cancelledLate ? words.cancelledLate : words.cancelled);
    case "failed":
    case "refused":
      return words.reasonAlone(upload.name, upload.reason);
    case "stored":
      return this.#storedText();
    default:
      return withSize(words[upload.state]);
    }
  }

  #storedText() {
    const { image, name } = this.upload;
    const parts = [facts(image)];
    if (image.filename !== name.normalize("NFC")) {
      parts.push(words.renamed(name, image.filename));
    }
    if (image.duplicate) {
      parts.push(words.duplicate);
    }
    return parts.join(". ");
  }

  // renderState shows the parts that change with the state: the picture of a stored image,
  // and the action for the upload.
  #renderState() {
    const { upload } = this;
    if (upload.state === "stored") {
      this.release();
      this.#name.textContent = upload.image.filename;
      const stored = thumbnailLink(upload.image, this.#callbacks.onOpen);
      this.#picture.replaceWith(stored);
      this.#picture = stored;
    }
    this.#renderAction();
  }

  // renderAction shows the button for the action. If the action is the same, the button
  // stays in the page, because the reader may be clicking on it. If the old button had the
  // focus, the new button gets the focus.
  #renderAction() {
    const action = actions[this.upload.state] ?? "cancel";
    if (action === this.#renderedAction) {
      return;
    }
    this.#renderedAction = action;
    const focused = this.#actions.contains(document.activeElement);
    const element = this.#actionButton(action);
    this.#actions.replaceChildren(...(element ? [element] : []));
    if (focused) {
      (element ?? this.element.closest("[tabindex]")).focus();
    }
  }

  #actionButton(action) {
    const { upload } = this;
    const { onCancel, onRetry } = this.#callbacks;
    switch (action) {
    case "copy":
      return copyButton(upload.image);
    case "cancel":
      return button(words.cancel, () => onCancel(upload), { about: upload.name });
    case "retry":
      return button(words.retry, () => onRetry(upload), { about: upload.name });
    default:
      return null;
    }
  }
}

// extension returns the text behind the preview. People see the text if there is no
// preview.
function extension(name) {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? "" : name.slice(dot + 1, dot + 5).toUpperCase();
}
