// The large picture of the viewer. At first the viewer shows the small picture of the card or a
// blur, and then a resized copy that fits the window. When the reader zooms in, it shows the
// picture in its full size. All are in the same place, so nothing jumps.

import { el } from "./dom.js";
import { fullSizeURL, loadedThumbnail, maybeTransparent, pictureElement, resizedURL } from "./image.js";
import { isResizable } from "./limits.js";
import { drawThumbHash } from "./thumbhash.js";
import { Zoom } from "./zoom.js";

const FITTED = [1280, 2048, 3200]; // pixels of a copy that fits the window; few sizes, so that the server keeps few copies
const SLOW = 500; // milliseconds until the page says that the picture is loading

// Stage shows one picture. Its callbacks are those of Zoom.
export class Stage {
  element;
  zoom;
  #photo = el("div", { class: "photo" });
  #callbacks;
  #image = null;
  #sharp = false; // whether the picture in its full size is shown or requested
  #slow = 0;
  #preloaded = []; // the pictures before and after this one; a reference keeps them in memory

  constructor(attributes, callbacks) {
    this.#callbacks = callbacks;
    this.element = el("div", { class: "stage", role: "group", ...attributes }, this.#photo);
    this.zoom = new Zoom(this.element, this.#photo, { ...callbacks, onChange: () => this.#zoomed() });
  }

  // show shows an image. neighbours are the images that the reader may look at next.
  show(image, neighbours) {
    this.#image = image;
    this.#sharp = false;
    const small = placeholder(image);
    const fitted = this.#picture(image, this.#fittedURL(image));
    this.#photo.className = "photo";
    this.#photo.replaceChildren(...[small, fitted].filter(Boolean));
    this.#size(image.width || 300, image.height || 300);
    clearTimeout(this.#slow);
    this.element.classList.remove("slow");
    this.#slow = setTimeout(() => this.element.classList.add("slow"), SLOW);
    fitted.addEventListener("load", async () => {
      this.#loaded();
      await fitted.decode().catch(() => {}); // before that, the browser may show nothing
      if (this.#image === image) {
        small?.remove(); // people would see the small picture through a transparent picture
        this.#photo.classList.toggle("transparent", maybeTransparent(image));
        if (!image.width || !image.height) {
          this.#size(fitted.naturalWidth, fitted.naturalHeight);
        }
        this.#preload(neighbours);
      }
    });
  }

  clear() {
    this.#image = null;
    this.#preloaded = [];
    clearTimeout(this.#slow);
    this.#photo.replaceChildren();
  }

  #size(width, height) {
    this.zoom.show(width, height);
  }

  #picture(image, url) {
    return pictureElement(image, { src: url, draggable: "false" }, {
      onFail: () => {
        this.#loaded();
        this.#photo.querySelector(".small")?.remove();
      },
    });
  }

  #loaded() {
    clearTimeout(this.#slow);
    this.element.classList.remove("slow");
  }

  // fittedURL returns the URL of the smallest copy that has enough pixels for the first view of
  // the picture. No copy has enough pixels for a very long picture, so fittedURL then returns the
  // URL of the picture in its full size.
  #fittedURL(image) {
    const longest = Math.max(image.width, image.height);
    const needed = longest * this.zoom.homeOf(image.width, image.height) * devicePixelRatio;
    const isLong = needed > Math.max(this.element.clientWidth, this.element.clientHeight) * devicePixelRatio;
    const pixels = FITTED.find((step) => step >= needed);
    return !pixels && isLong ? fullSizeURL(image) : resizedURL(image, pixels ?? FITTED.at(-1));
  }

  #preload(neighbours) {
    this.#preloaded = neighbours.filter(isResizable).map((image) => {
      const picture = new Image();
      picture.fetchPriority = "low";
      picture.src = this.#fittedURL(image);
      return picture;
    });
  }

  // zoomed loads the picture in its full size when the reader has zoomed in for the first time.
  async #zoomed() {
    this.#callbacks.onChange();
    const image = this.#image;
    if (!image || this.#sharp || !this.zoom.zoomed) {
      return;
    }
    this.#sharp = true;
    const sharp = this.#picture(image, fullSizeURL(image));
    try {
      await sharp.decode();
    } catch {
      return; // continue to show the copy
    }
    if (this.#image === image) {
      this.#photo.replaceChildren(sharp);
    }
  }
}

// placeholder returns the element that is shown until a large picture is loaded, or null.
function placeholder(image) {
  const src = loadedThumbnail(image);
  if (src) {
    return el("img", { src, class: "small", alt: "", decoding: "sync", draggable: "false" });
  }
  const canvas = el("canvas", { class: "small" });
  return image.thumbhash && drawThumbHash(canvas, image.thumbhash) ? canvas : null;
}
