// The trash: the images that were deleted or replaced and can still be restored.

import * as api from "./api.js";
import { announce, button, el, showSheet } from "./dom.js";
import { dimensions } from "./image.js";
import { exactTime, size, timeAgo, timeLeft } from "./intl.js";
import { drawThumbHash } from "./thumbhash.js";
import * as words from "./words.js";

// showTrash shows the trash in a dialog. It calls onRestored with each image that the
// reader restores.
export function showTrash(onRestored) {
  new Trash(onRestored).show();
}

class Trash {
  #onRestored;
  #rows = el("ul", { class: "trash-rows" });
  #note = el("p", { class: "hint" }, TEXT.loading);
  #more = button(TEXT.more, () => this.#load());
  #empty = button(TEXT.emptyTrash, () => this.#confirm(), { kind: "danger" });
  #question = el("div", { class: "trash-question", role: "group", "aria-label": TEXT.emptyTrash },
    el("p", {}, TEXT.emptyTrashQuestion),
    el("div", { class: "actions" },
      button(TEXT.emptyTrash, () => this.#emptyNow(), { kind: "danger" }),
      button(TEXT.keepTrash, () => this.#endQuestion())));
  #dialog;
  #title = el("h2", { id: "trash-title", tabindex: -1, autofocus: true }, TEXT.trash);
  #cursor = "";

  constructor(onRestored) {
    this.#onRestored = onRestored;
    this.#dialog = el("dialog", { class: "sheet", id: "trash", "aria-labelledby": "trash-title" },
      el("div", { class: "head" }, this.#title, this.#empty, button(TEXT.close, () => this.#dialog.close(), { icon: "close" })),
      this.#question, this.#note, this.#rows, this.#more);
    this.#question.hidden = true;
    this.#empty.hidden = true;
    this.#more.hidden = true;
  }

  show() {
    showSheet(this.#dialog);
    this.#load();
  }

  // load shows the next page of the trash.
  async #load() {
    this.#more.disabled = true;
    try {
      const { images, next } = await api.listTrash(this.#cursor);
      this.#cursor = next ?? "";
      this.#rows.append(...images.map((image) => this.#row(image)));
      this.#showState("");
    } catch (error) {
      this.#showState(error.message);
    }
    this.#more.disabled = false;
  }

  // showState shows the note and the buttons. If several images have the same name, it also shows
  // the dimensions and the time of deletion in their rows.
  #showState(error) {
    const names = [...this.#rows.children].map((row) => row.dataset.name);
    for (const row of this.#rows.children) {
      const { name } = row.dataset;
      row.querySelector(".version").hidden = names.indexOf(name) === names.lastIndexOf(name);
    }
    const filled = this.#cursor !== "" || names.length > 0;
    this.#note.textContent = error || (filled ? TEXT.trashHint : TEXT.trashEmpty);
    this.#note.classList.toggle("error", error !== "");
    this.#empty.hidden = !filled || !this.#question.hidden;
    this.#more.hidden = this.#cursor === "";
    if (error) {
      announce(error);
    }
  }

  #row(image) {
    const restore = button(TEXT.restore, () => this.#restore(image, row, restore), { about: image.filename });
    // The server does not send the bytes of deleted images, so the row shows the placeholder.
    const picture = el("div", { class: "picture" });
    const canvas = el("canvas", { "aria-hidden": "true" });
    if (image.thumbhash && drawThumbHash(canvas, image.thumbhash)) {
      picture.append(canvas);
    }
    const facts = el("div", {},
      el("p", { class: "hint" }, words.inTrash(size(image.size), timeAgo(image.deleted_at), timeLeft(image.kept_until))),
      el("p", { class: "hint version" }, [dimensions(image), words.deletedAt(exactTime(image.deleted_at))].filter(Boolean).join(" · ")));
    restore.ariaDescribedByElements = [facts]; // several buttons may have the same label
    const row = el("li", { "data-name": image.filename },
      picture, el("div", {}, el("p", { class: "name", dir: "auto" }, image.filename), facts), restore);
    return row;
  }

  async #restore(image, row, restore) {
    restore.disabled = true;
    try {
      const restored = await api.restore(image);
      this.#onRestored(restored);
      announce(words.restored([restored.filename]));
      this.#remove(row, "");
    } catch (error) {
      if (error.code === "not_found") {
        this.#remove(row, words.notInTrash(image.filename));
        return;
      }
      restore.disabled = false;
      this.#showState(error.message);
    }
  }

  // remove removes a row, and moves the focus to the next one.
  #remove(row, error) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    this.#showState(error);
    (next?.querySelector("button") ?? this.#title).focus();
  }

  #confirm() {
    this.#question.hidden = false;
    this.#empty.hidden = true;
    this.#question.querySelector("button:last-child").focus();
  }

  #endQuestion() {
    this.#question.hidden = true;
    this.#showState("");
    this.#title.focus();
  }

  async #emptyNow() {
    try {
      await api.emptyTrash();
      this.#rows.replaceChildren();
      this.#cursor = "";
      this.#endQuestion();
      announce(TEXT.trashEmpty);
    } catch (error) {
      this.#showState(error.message);
    }
  }
}
