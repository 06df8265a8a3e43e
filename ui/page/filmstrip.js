// A row of small pictures at the bottom of the viewer: the open image and its neighbours.

import { el } from "./dom.js";
import { pictureElement, thumbnailURL } from "./image.js";
import { isResizable } from "./limits.js";
import * as words from "./words.js";

const FRAME = { width: 48, height: 48 }; // of a picture, in CSS pixels (viewer.css)
const SIDE = 10; // pictures on each side; more than this does not fit into most windows

// Filmstrip gets its images from neighbour(image, step). When the reader clicks a small picture,
// it calls onOpen(image). The arrow keys open the same images, so Tab skips the small pictures.
export class Filmstrip {
  element = el("div", { class: "filmstrip", role: "group", "aria-label": TEXT.filmstrip });
  #neighbour;
  #onOpen;
  #frames = new Map(); // digest and name → element

  constructor({ neighbour, onOpen }) {
    this.#neighbour = neighbour;
    this.#onOpen = onOpen;
  }

  // show shows the image in the middle, and its neighbours.
  show(image) {
    const frames = new Map();
    const places = Array.from({ length: 2 * SIDE + 1 }, (_, i) => {
      const one = i === SIDE ? image : this.#neighbour(image, i - SIDE);
      if (!one) {
        return el("span", { class: "gap" }); // the open image stays in the middle
      }
      const key = `${one.sha256} ${one.filename}`;
      const frame = this.#frames.get(key) ?? this.#frame(one);
      frames.set(key, frame);
      frame.setAttribute("aria-current", one === image);
      return frame;
    });
    this.#frames = frames;
    this.element.hidden = frames.size < 2;
    this.element.replaceChildren(...places);
  }

  #frame(image) {
    return el("button", { type: "button", tabindex: -1, title: image.filename, "aria-label": image.filename, onclick: () => this.#onOpen(image) },
      isResizable(image)
        ? pictureElement(image, { src: thumbnailURL(image, FRAME), alt: "", draggable: "false" })
        : words.format(image.content_type));
  }
}
