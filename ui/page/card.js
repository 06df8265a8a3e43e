// One image in the gallery.

import { button, el, single } from "./dom.js";
import { facts, picture } from "./image.js";
import { date } from "./intl.js";
import { copyButton } from "./links.js";
import * as words from "./words.js";

// Card shows an image. does has what can be done with it: open(image),
// remove(image), and pick(card, range), called when it is selected or no more,
// where range says that all from the last one to this are meant.
export class Card {
  image;
  cursor; // of the page of the list that it came with, empty for the first
  hidden = false; // while the image is being deleted and can come back
  #does;
  #eager;
  #element = null;
  #picked = false;

  constructor(image, cursor, does, { eager } = {}) {
    this.image = image;
    this.cursor = cursor;
    this.#does = does;
    this.#eager = eager;
  }

  // element is the card in the page, made when it is wanted.
  get element() {
    return this.#element ??= this.#make();
  }

  // fold takes the card off the page until it is wanted again.
  fold() {
    this.#element?.remove();
    this.#element = null;
  }

  get picked() {
    return this.#picked;
  }

  set picked(picked) {
    this.#picked = picked;
    if (this.#element) {
      this.#mark(this.#element);
    }
  }

  // focused says whether the focus is on the card.
  get focused() {
    return Boolean(this.#element?.contains(document.activeElement));
  }

  focus() {
    this.element.querySelector("a").focus();
  }

  #make() {
    const { image } = this;
    const { open, pick, remove } = this.#does;
    let range = false; // see the label
    const box = el("input", {
      type: "checkbox",
      "aria-label": words.select(image.filename),
      onclick: (event) => {
        this.picked = box.checked;
        pick(this, range || event.shiftKey);
      },
    });
    const element = el("li", {},
      picture(image, open, { eager: this.#eager }),
      // A label takes no click with Shift, which browsers keep for text.
      el("label", { class: "pick", onclick: (event) => {
        if (event.target !== box) {
          event.preventDefault();
          range = event.shiftKey;
          box.click();
          range = false;
        }
      } }, box),
      el("div", { class: "about" },
        el("p", { class: "name", dir: "auto", title: image.filename }, image.filename),
        el("p", { class: "hint" }, facts(image)),
        el("p", { class: "hint" }, el("time", { datetime: image.uploaded_at }, date(image.uploaded_at)))),
      el("div", { class: "actions" },
        copyButton(image, { small: true }),
        button(words.remove, single(() => remove(image)), { about: image.filename, icon: "remove" })));
    this.#mark(element);
    return element;
  }

  #mark(element) {
    element.classList.toggle("picked", this.#picked);
    element.querySelector("input").checked = this.#picked;
  }
}
