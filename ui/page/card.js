// One image in the gallery.

import { drawThumbHash } from "./thumbhash.js";
import { button, el } from "./dom.js";
import { dimensions, thumbnailLink, thumbnailURL } from "./image.js";
import { date, size } from "./intl.js";
import { copyButton } from "./links.js";
import * as words from "./words.js";

const LONG_PRESS = 500; // milliseconds
const END = 8; // characters at the end of a name that are always shown

// Card shows the image of an entry. Its callbacks are onOpen(image), onSelect(entry, range),
// onMenu(entry, button) and isSelecting(). Card calls onSelect when the reader selects or
// deselects the image. If range is true, the reader means all images from the last one to
// this one. isSelecting() reports whether an image is selected.
export class Card {
  entry;
  element;
  #link;
  #box; // the place of the card
  #checkbox;

  constructor(entry, box, callbacks) {
    const { image } = entry;
    this.entry = entry;
    this.#link = thumbnailLink(image, callbacks.onOpen, box.picture);
    this.#link.tabIndex = -1; // RowView makes one card the tab stop
    this.#checkbox = checkbox(image, (range) => callbacks.onSelect(entry, range));
    const more = button(TEXT.actions, () => callbacks.onMenu(entry, more), { about: image.filename, icon: "more", kind: "more" });
    const copy = copyButton(image);
    copy.tabIndex = more.tabIndex = -1; // see keys in gallery.js
    this.element = el("li", {},
      this.#link,
      el("label", { class: "select", onclick: clickWithShift(this.#checkbox) }, this.#checkbox),
      el("div", { class: "caption" }, nameElement(image.filename), ...(box.facts ? factElements(image) : []), copy, more));
    this.#showPlaceholder(image);
    this.#selectByTouch(callbacks);
    this.place(box);
  }

  // place moves the card. box has left, top, width and height in pixels; picture, the box for
  // thumbnailLink; and facts, which says whether the card shows facts.
  place(box) {
    if (this.#box && ["left", "top", "width", "height"].every((side) => this.#box[side] === box[side])) {
      return;
    }
    const { style } = this.element;
    style.transform = `translate(${box.left}px, ${box.top}px)`;
    style.width = `${box.width}px`;
    style.height = `${box.height}px`;
    const { image } = this.entry;
    const img = this.#link.querySelector("img");
    const url = thumbnailURL(image, box.picture);
    if (this.#box && img?.complete && img.naturalWidth < (box.picture.width * devicePixelRatio) / 2 && img.getAttribute("src") !== url) {
      img.src = url; // the card has become much larger
    }
    this.#link.classList.toggle("small", Math.max(image.width / box.picture.width, image.height / box.picture.height) < 0.5 && image.width > 0);
    this.#box = box;
  }

  // update shows whether the image is selected, and its number in a list of this length. The
  // length is -1 if it is not known.
  update({ selected, position, length }) {
    this.element.classList.toggle("selected", selected);
    this.#checkbox.checked = selected;
    this.element.setAttribute("aria-posinset", position);
    this.element.setAttribute("aria-setsize", length);
  }

  set tabStop(isTabStop) {
    this.#link.tabIndex = isTabStop ? 0 : -1;
  }

  focus() {
    this.#link.focus({ preventScroll: true });
  }

  // copy copies the link to the image.
  copy() {
    this.element.querySelector(".copy").click();
  }

  // discard removes the card, and cancels the request for its picture.
  discard() {
    this.element.remove();
    this.#link.querySelector("img")?.removeAttribute("src");
  }

  // showPlaceholder shows the colours of the picture until the picture is loaded.
  #showPlaceholder(image) {
    if (image.dominant_color) {
      this.#link.style.backgroundColor = image.dominant_color;
    }
    if (image.thumbhash) {
      const canvas = el("canvas", { "aria-hidden": "true" });
      if (drawThumbHash(canvas, image.thumbhash)) {
        this.#link.prepend(canvas);
        this.#link.querySelector("img")?.addEventListener("load", () => canvas.remove(), { once: true });
      }
    }
  }

  // selectByTouch selects the image if the reader presses it for a while. Then a tap on
  // another image selects that image, too.
  #selectByTouch({ onSelect, isSelecting }) {
    let timer = 0;
    let pressed = false; // whether the long press has selected the image
    const end = () => clearTimeout(timer);
    this.#link.addEventListener("pointerdown", (event) => {
      pressed = false;
      if (event.pointerType === "touch") {
        timer = setTimeout(() => {
          pressed = true;
          this.#checkbox.checked = !this.#checkbox.checked;
          onSelect(this.entry, false);
        }, LONG_PRESS);
      }
    });
    ["pointerup", "pointercancel", "pointerleave"].forEach((name) => this.#link.addEventListener(name, end));
    this.#link.addEventListener("contextmenu", (event) => {
      if (event.pointerType === "touch") {
        event.preventDefault();
      }
    });
    this.#link.addEventListener("click", (event) => {
      const tap = event.pointerType === "touch" && isSelecting();
      if (pressed || tap) {
        event.preventDefault();
        event.stopImmediatePropagation();
        if (!pressed) {
          this.#checkbox.click();
        }
      }
      pressed = false;
    }, { capture: true });
  }
}

function checkbox(image, onSelect) {
  return el("input", {
    type: "checkbox", tabindex: -1, "aria-label": words.select(image.filename), onclick: (event) => onSelect(event.shiftKey),
  });
}

// clickWithShift returns a listener for the label of a checkbox. If the reader clicks with
// Shift on a label, browsers select text and do not click the checkbox of the label.
function clickWithShift(box) {
  return (event) => {
    if (event.target !== box) {
      event.preventDefault();
      box.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, shiftKey: event.shiftKey }));
    }
  };
}

// nameElement shows a name. If the name is too long, its middle is left out, so that people
// see the extension. The end that stays begins with an ASCII character, because a letter of
// another script may be joined to the letter before it.
function nameElement(filename) {
  const characters = [...filename];
  const p = el("p", { class: "name", dir: "auto", title: filename });
  if (characters.length <= 2 * END) {
    p.append(filename);
    return p;
  }
  let cut = characters.length - END;
  while (characters[cut] > "~") {
    cut++;
  }
  const start = el("span", {}, characters.slice(0, cut).join(""));
  const end = characters.slice(cut).join("");
  start.style.maxWidth = `calc(100% - ${(characters.length - cut) * 0.65}em)`;
  p.append(start, end);
  return p;
}

// factElements returns the columns of the list.
function factElements(image) {
  return [
    el("p", { class: "fact type" }, words.format(image.content_type)),
    el("p", { class: "fact dimensions" }, dimensions(image)),
    el("p", { class: "fact size" }, size(image.size)),
    el("p", { class: "fact date" }, el("time", { datetime: image.uploaded_at }, date(image.uploaded_at))),
  ];
}
