// The images on the server, newest first.

import * as api from "./api.js";
import { announce, button, el } from "./dom.js";
import { copyButton, facts, picture } from "./image.js";
import * as words from "./words.js";

// Gallery fills the section. It calls deleted with the file name of each image
// that is deleted here.
export class Gallery {
  #deleted;
  #title = el("h2", { id: "gallery-title", tabindex: -1 }, words.gallery);
  #list = el("ul", { role: "list" }); // Safari forgets that on a list without bullets
  #cards = new Map(); // file name → element
  #note = el("p");
  #moreLabel = el("span");
  #more = button(this.#moreLabel, () => this.load());
  #next; // cursor of the page to load: undefined before the first, empty after the last
  #busy = ""; // what loading waits for
  #error = "";

  constructor(section, deleted) {
    this.#deleted = deleted;
    section.append(this.#title, this.#list, this.#note, this.#more);
  }

  // load shows the next page of images.
  async load() {
    if (this.#busy) {
      return;
    }
    this.#error = "";
    this.#wait(words.loading);
    try {
      const { images, next } = await api.list(this.#next, { locked: () => this.#wait(words.locked) });
      this.#next = next ?? "";
      this.#append(images);
    } catch (error) {
      this.#error = error.message;
      announce(error.message);
    }
    this.#wait("");
  }

  // add shows an image that was just uploaded, before all others.
  add(image) {
    this.#cards.get(image.filename)?.remove(); // one that somebody else deleted
    this.#list.prepend(this.#card(image));
    this.#render();
  }

  // append shows a page. Who pressed the button for it goes on at its first
  // image.
  #append(images) {
    const cards = images.filter((image) => !this.#cards.has(image.filename)).map((image) => this.#card(image));
    this.#list.append(...cards);
    if (document.activeElement === this.#more && cards.length > 0) {
      cards[0].querySelector("a").focus();
      announce(words.listed(cards.length));
    }
  }

  #wait(busy) {
    this.#busy = busy;
    this.#render();
  }

  // render says what is not there: images still loading, not to be had, or none.
  #render() {
    const empty = this.#cards.size === 0 && this.#next === "";
    this.#note.textContent = this.#error || this.#busy || (empty ? words.empty : "");
    this.#note.className = this.#error ? "error" : "hint";
    this.#moreLabel.textContent = this.#error ? words.retry : words.more;
    this.#more.hidden = !this.#error && !this.#next;
  }

  #card(image) {
    const card = el("li", {},
      picture(image),
      el("p", { class: "name", dir: "auto" }, image.filename),
      el("p", { class: "hint" }, facts(image)),
      el("p", { class: "hint" }, el("time", { datetime: image.uploaded_at }, words.date(image.uploaded_at))),
      el("div", { class: "actions" },
        copyButton(image),
        button(words.remove, () => this.#remove(image.filename, card), { about: image.filename })));
    this.#cards.set(image.filename, card);
    return card;
  }

  async #remove(filename, card) {
    if (!(await confirmed(filename))) {
      return;
    }
    try {
      await api.remove(filename);
    } catch (error) {
      card.querySelector(".actions").before(el("p", { class: "error" }, error.message));
      announce(words.failed(filename, error.message));
      return;
    }
    const neighbour = card.nextElementSibling ?? card.previousElementSibling;
    (neighbour?.querySelector("a") ?? this.#title).focus();
    card.remove();
    this.#cards.delete(filename);
    this.#render();
    this.#deleted(filename);
    announce(words.removed(filename));
  }
}

// confirmed asks whether the image is to be deleted.
function confirmed(filename) {
  return new Promise((resolve) => {
    const dialog = el("dialog", {
      "aria-labelledby": "confirm-title",
      onclose: () => {
        dialog.remove();
        resolve(dialog.returnValue === "delete");
      },
    },
      el("form", { method: "dialog" },
        el("h2", { id: "confirm-title" }, words.confirm(filename)),
        el("p", {}, words.consequence),
        el("div", { class: "actions" },
          el("button", { value: "keep", autofocus: true }, words.keep),
          el("button", { value: "delete", class: "danger" }, words.remove))));
    document.body.append(dialog);
    dialog.showModal();
  });
}
