// The rows of the uploads panel.

import { button, el, setText, swap } from "./dom.js";
import { facts, thumbnailLink } from "./image.js";
import { icon } from "./icons.js";
import { size } from "./intl.js";
import { copyButton } from "./links.js";
import * as words from "./words.js";

const MAX_NAMES = 100; // names that the row of a group shows

// row makes the row of an Upload or a Group. The callbacks are onCancel(upload),
// onRetry(uploads, options), onDismiss(uploads), onOpen(image), and onResize() when the
// height of a row changes.
export function row(item, previews, callbacks) {
  return item.uploads ? new GroupRow(item, callbacks) : new Row(item, previews, callbacks);
}

// Row shows one Upload. Its element has the state of the upload as its class.
class Row {
  #upload;
  #callbacks;
  #previews;
  #canvas;
  #picture = el("div", { class: "slot" });
  #name = el("p", { class: "name", dir: "auto" });
  #status = el("p", { class: "status" });
  #actions = el("div", { class: "actions" });

  constructor(upload, previews, callbacks) {
    this.#upload = upload;
    this.#callbacks = callbacks;
    this.#previews = previews;
    this.#canvas = previews.canvas(upload);
    this.element = el("li", {}, this.#picture, el("div", { class: "about" }, this.#name, this.#status), this.#actions);
    this.render();
  }

  // render shows the current state of the upload.
  render() {
    const upload = this.#upload;
    const { image, state } = upload;
    this.element.className = state;
    setText(this.#name, image?.filename ?? upload.name);
    this.#name.title = this.#name.textContent;
    setText(this.#status, statusText(upload));
    swap(this.#picture, image ? `${image.filename} ${image.sha256}` : "preview", () => this.#makePicture());
    swap(this.#actions, image ? image.filename : actionsOf(upload), () => this.#makeActions());
  }

  // release frees the memory of the preview.
  release() {
    this.#previews.release(this.#canvas);
  }

  #makePicture() {
    const { image, name } = this.#upload;
    if (!image) {
      return el("div", { class: "picture" }, extension(name), this.#canvas);
    }
    this.release();
    return thumbnailLink(image, this.#callbacks.onOpen);
  }

  #makeActions() {
    const upload = this.#upload;
    const about = upload.name;
    const retry = (options) => () => this.#callbacks.onRetry([upload], options);
    switch (actionsOf(upload)) {
    case "copy":
      return copyButton(upload.image);
    case "cancel":
      return button(TEXT.cancel, () => this.#callbacks.onCancel(upload), { about, icon: "close" });
    case "retry":
      return button(TEXT.retry, retry(), { about, icon: "retry" });
    case "name":
      return nameButtons(retry, about);
    default:
      return null;
    }
  }
}

// GroupRow shows several uploads that failed for the same reason.
class GroupRow {
  #group;
  #callbacks;
  #title = el("p", { class: "name" });
  #status = el("p", { class: "status" });
  #actions = el("div", { class: "actions" });
  #names = el("ul", { role: "list", class: "names", hidden: true });
  #toggle = button(TEXT.showNames, () => this.#open(!this.#group.opened), { icon: "fold", kind: "fold" });

  constructor(group, callbacks) {
    this.#group = group;
    this.#callbacks = callbacks;
    this.element = el("li", {},
      el("div", { class: "picture" }, icon("warning")),
      el("div", { class: "about" }, this.#title, this.#status, this.#names),
      el("div", { class: "actions" }, this.#toggle, this.#dismissButton()),
      this.#actions);
    this.render();
  }

  render() {
    const { uploads, opened } = this.#group;
    const [{ name, state, reason, sharedReason }] = uploads;
    const noImages = uploads.every(({ kind }) => kind === "not_an_image");
    const title = state === "cancelled" ? words.cancelledCount : noImages ? words.notImages : words.failures;
    const names = uploads.slice(0, MAX_NAMES).map((upload) => upload.name);
    this.element.className = `group ${state}`;
    setText(this.#title, title(uploads.length));
    setText(this.#status, sharedReason || words.reasonAlone(name, reason));
    swap(this.#actions, actionsOf(uploads[0]), () => this.#makeActions());
    this.#toggle.setAttribute("aria-expanded", opened);
    this.#names.hidden = !opened;
    if (opened && this.#names.childElementCount !== names.length) {
      this.#names.replaceChildren(...names.map((name) => el("li", { dir: "auto" }, name)));
    }
  }

  release() {}

  #open(opened) {
    this.#group.opened = opened;
    this.render();
    this.#callbacks.onResize();
  }

  #dismissButton() {
    return button(TEXT.dismiss, () => this.#callbacks.onDismiss(this.#group.uploads), { icon: "close" });
  }

  #makeActions() {
    const retry = (options) => () => this.#callbacks.onRetry(this.#group.uploads, options);
    switch (actionsOf(this.#group.uploads[0])) {
    case "retry":
      return button(TEXT.retryAll, retry());
    case "name":
      return nameButtons(retry);
    default:
      return null;
    }
  }
}

// nameButtons let the reader decide what happens with a name that is taken.
function nameButtons(retry, about) {
  return [
    button(TEXT.keepBoth, retry({ conflict: "rename" }), { about }),
    button(TEXT.replace, retry({ conflict: "replace" }), { about }),
  ];
}

// actionsOf returns the name of the actions for an upload. The reader can cancel an upload
// that has not ended.
function actionsOf({ state, kind }) {
  if (state === "refused") {
    return kind === "exists" ? "name" : "none";
  }
  return { stored: "copy", failed: "retry", cancelled: "retry" }[state] ?? "cancel";
}

function statusText(upload) {
  switch (upload.state) {
  case "sending":
    return words.sending(upload.sent, upload.size);
  case "cancelled":
    return upload.cancelledLate ? TEXT.cancelledLate : TEXT.cancelled;
  case "failed":
  case "refused":
    return words.reasonAlone(upload.name, upload.reason);
  case "stored":
    return storedText(upload);
  case "waiting":
    return size(upload.size);
  case "saving":
    return TEXT.saving;
  case "locked":
    return TEXT.locked;
  default:
    return "";
  }
}

// storedText says what the reader does not expect about a stored image, or its facts.
function storedText({ image, name }) {
  if (image.duplicate) {
    return TEXT.duplicate;
  }
  const sent = name.normalize("NFC");
  if (image.filename === sent) {
    return facts(image);
  }
  return wasTaken(sent, image.filename) ? words.savedBeside(image.filename, sent) : words.savedAs(image.filename);
}

// wasTaken reports whether the server added a number to the name because the name was taken.
// It can also change a name that is not valid.
function wasTaken(sent, stored) {
  const dot = sent.lastIndexOf(".");
  const [stem, extension] = dot > 0 ? [sent.slice(0, dot), sent.slice(dot)] : [sent, ""];
  return stored.startsWith(`${stem}-`) && stored.endsWith(extension);
}

// extension returns the text behind the preview. People see the text if there is no
// preview.
function extension(name) {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? "" : name.slice(dot + 1, dot + 5).toUpperCase();
}
