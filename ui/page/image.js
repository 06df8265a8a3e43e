// How a stored image looks wherever it stands: its picture and its facts.

import { el, unseen } from "./dom.js";
import { size } from "./intl.js";
import { resizable } from "./limits.js";
import * as words from "./words.js";

// address is where the page itself shows an image from. With its digest the
// browser may keep it for ever.
export function address(image) {
  return `images/${encodeURIComponent(image.filename)}?v=${image.sha256}`;
}

// resized is where a copy of an image is, of at most so many pixels on each
// side. An image that is smaller, or a kind that the server does not resize,
// comes as it is.
export function resized(image, pixels) {
  return `${address(image)}&w=${pixels}&h=${pixels}`;
}

// full is where an image is as large as it is. Few browsers show TIFF, so of
// that it is a copy, and the largest that the server makes.
export function full(image) {
  return image.content_type === "image/tiff" ? resized(image, 4096) : address(image);
}

// pageOf is where the page shows one image.
export function pageOf(image) {
  return `?${new URLSearchParams({ image: image.filename })}`;
}

// patience is how long a picture waits before it asks again, in milliseconds:
// the server may have too many copies to make.
const patience = 5000;

// picture makes a small picture that leads to the view of the image, with
// open(image) where a plain click would. eager has it loaded at once.
export function picture(image, open, { eager } = {}) {
  const follow = (event) => {
    if (event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      open(image);
    }
  };
  return el("a", { class: "picture", href: pageOf(image), onclick: follow },
    ...(resizable(image) ? [] : placeholder(image)),
    resizable(image) && shown(image, { src: resized(image, 320), srcset: choice(image), sizes: SIZES, loading: eager ? "eager" : "lazy" }));
}

// SIZES is how wide a picture in a card gets at most (style.css). Narrow
// windows are phones': with so much and no more, those of 1.75 pixels to the CSS
// pixel take the copy of 320, a third of the bytes.
const SIZES = "(max-width: 30rem) 11.4rem, 15rem";

// choice has the browser take the smaller of two copies where that is fine
// enough. A picture that is small itself has none.
function choice(image) {
  const longest = Math.max(image.width, image.height);
  const copy = (pixels) => `${resized(image, pixels)} ${Math.max(1, Math.round(image.width * Math.min(1, pixels / longest)))}w`;
  return longest > 320 && `${copy(320)}, ${copy(640)}`;
}

// shown makes the img element of a copy. Where none can be made, of a picture
// that is damaged, say, the browser may yet show the original. Some formats
// are stored and served, but not every browser shows them.
export function shown(image, attributes) {
  let failures = 0;
  const img = el("img", {
    ...attributes,
    alt: image.filename,
    decoding: "async",
    width: image.width || null,
    height: image.height || null,
    onerror: () => {
      failures += 1;
      if (failures === 1) {
        setTimeout(() => {
          img.removeAttribute("srcset");
          img.src = attributes.src;
        }, patience);
      } else if (failures === 2) {
        img.src = address(image);
      } else {
        img.replaceWith(...placeholder(image));
      }
    },
  });
  return img;
}

// placeholder stands in for a picture that is not shown.
function placeholder(image) {
  return [words.format(image.content_type), unseen(words.noPreview(image.filename))];
}

// dimensions is empty where they are not known, of some SVGs.
export function dimensions(image) {
  return image.width > 0 && image.height > 0 ? words.dimensions(image.width, image.height) : "";
}

// facts says in a line how large an image is.
export function facts(image) {
  return [dimensions(image), size(image.size)].filter(Boolean).join(" · ");
}
