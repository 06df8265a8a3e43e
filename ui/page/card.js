// One image in the gallery.

import { button, el, ignoreDoubleClick } from "./dom.js";
import { facts, thumbnailLink } from "./image.js";
import { date } from "./intl.js";
import { copyButton } from "./links.js";
import * as words from "./words.js";

// Card shows an image. Its callbacks are onOpen(image), onDelete(image) and
// onSelect(card, range). Card calls onSelect when the reader selects or deselects the
// card. If range is true, the reader selects or deselects all cards from the last clicked
// card to this card.
export class Card {
  image;
  cursor; // the cursor of the page of the list that has the image; empty for the first page
  hidden = false; // true while the deletion of the image can be undone
  #callbacks;
  #eager; // whether the picture is loaded at once
  #element = null;
  #selected = false;

  constructor(image, cursor, callbacks, { eager } = {}) {
    this.image = image;
    this.cursor = cursor;
    this.#callbacks = callbacks;
    this.#eager = eager;
  }

  // element is the card in the page. The first read makes the element.
  get element() {
    return this.#element ??= this.#make();
  }

  // discardElement removes the element. The next read makes a new one.
  discardElement() {
    this.#element?.remove();
    this.#element = null;
  }

  get selected() {
    return this.#selected;
  }

  set selected(selected) {
    this.#selected = selected;
    if (this.#element) {
      this.#showSelected(this.#element);
    }
  }

  // focused reports whether the focus is in the card.
  get focused() {
    return Boolean(this.#element?.contains(document.activeElement));
  }

  focus() {
    this.element.querySelector("a").focus();
  }

  #make() {
    const { image } = this;
    const { onOpen, onDelete } = this.#callbacks;
    const element = el("li", {},
      thumbnailLink(image, onOpen, { eager: this.#eager }),
      this.#checkbox(),
      el("div", { class: "about" },
        el("p", { class: "name", dir: "auto", title: image.filename }, image.filename),
        el("p", { class: "hint" }, facts(image)),
        el("p", { class: "hint" }, el("time", { datetime: image.uploaded_at }, date(image.uploaded_at)))),
      el("div", { class: "actions" },
        copyButton(image, { small: true }),
        button(words.remove, ignoreDoubleClick(() => onDelete(image)), { about: image.filename, icon: "remove" })));
    this.#showSelected(element);
    return element;
  }

  #checkbox() {
    let shift = false; // whether the click on the label was with Shift
    const box = el("input", {
      type: "checkbox",
      "aria-label": words.select(this.image.filename),
      onclick: (event) => {
        this.selected = box.checked;
        this.#callbacks.onSelect(this, shift || event.shiftKey);
      },
    });
    // If the reader clicks with Shift on a label, browsers select text and do not click the
    // checkbox of the label.
    const onclick = (event) => {
      if (event.target !== box) {
        event.preventDefault();
        shift = event.shiftKey;
        box.click();
        shift = false;
      }
    };
    return el("label", { class: "select", onclick }, box);
  }

  #showSelected(element) {
    element.classList.toggle("selected", this.#selected);
    element.querySelector("input").checked = this.#selected;
  }
}
