// What a stored image looks like on the page: its URLs, its picture and its facts.

import { serverBack } from "./back.js";
import { el, screenReaderText } from "./dom.js";
import { size } from "./intl.js";
import { isResizable } from "./limits.js";
import { isCut } from "./rowlayout.js";
import * as words from "./words.js";

// STEPS are the lengths that the page requests for a side of a thumbnail, in pixels. The page
// uses few lengths, so that the server makes few resized copies of an image. Each is a length
// that the server does not round up.
const STEPS = [160, 256, 320, 400, 640, 1280];

const ENOUGH = 0.85; // how long a side of a thumbnail must be, relative to the pixels of the screen

// Types of pictures that may be animated, and that may be transparent.
const ANIMATED = /gif|png|webp|avif/;
const TRANSPARENT = /png|gif|webp|avif|svg|icon|jxl|heic|tiff/;

// RETRY_DELAY is the time between the first and the second request for a picture, in
// milliseconds. The first request can fail because the server is making too many resized
// copies.
const RETRY_DELAY = 5000;

// imageURL returns the URL from which the page loads an image. The URL contains the digest,
// so the browser may cache the image forever.
export function imageURL(image) {
  return `images/${encodeURIComponent(image.filename)}?v=${image.sha256}`;
}

// resizedURL returns the URL of a resized copy with at most this number of pixels on each
// side. If the original is smaller, or if the server cannot resize it, the server sends
// the original.
export function resizedURL(image, pixels) {
  return `${imageURL(image)}&w=${pixels}&h=${pixels}`;
}

// fullSizeURL returns the URL of an image in its full size. Few browsers show TIFF and
// HEIC, so for these the URL is that of a JPEG copy.
export function fullSizeURL(image) {
  return shownEverywhere(image) ? imageURL(image) : `${imageURL(image)}&format=jpeg`;
}

// shownEverywhere reports whether browsers show images of this type, or whether the server
// cannot convert them.
export function shownEverywhere(image) {
  return !["image/tiff", "image/heic"].includes(image.content_type);
}

// maybeTransparent reports whether images of this type can be transparent.
export function maybeTransparent(image) {
  return TRANSPARENT.test(image.content_type);
}

// viewURL returns the URL of the page in which the image is open.
export function viewURL(image) {
  return `?${new URLSearchParams({ image: image.filename })}`;
}

// thumbnailURL returns the URL of a resized copy for a box of this width and height, in CSS
// pixels. The copy of an animation is a still picture. If the box shows less than two thirds of
// the picture, the server crops the picture to the box.
export function thumbnailURL(image, { width, height }) {
  const scale = Math.max(width / (image.width || width), height / (image.height || height));
  const cut = isCut(image, width / height);
  const longest = cut ? Math.max(width, height) : scale * Math.max(image.width || width, image.height || height);
  const pixels = STEPS.find((step) => step >= ENOUGH * longest * devicePixelRatio) ?? STEPS.at(-1);
  const still = ANIMATED.test(image.content_type) ? "&still" : "";
  if (!cut) {
    return resizedURL(image, pixels) + still;
  }
  const side = (length) => STEPS.find((step) => step >= (length / longest) * pixels);
  return `${imageURL(image)}&w=${side(width)}&h=${side(height)}&fit=cover${still}`;
}

// loadedThumbnail returns the URL of a picture of the whole image that the page already
// shows, such as that of its card. Otherwise it returns an empty text.
export function loadedThumbnail(image) {
  const start = new URL(`${imageURL(image)}&w=`, document.baseURI).href;
  const isWhole = ({ src, complete, naturalWidth }) => src.startsWith(start) && !src.includes("fit=cover") && complete && naturalWidth > 0;
  return [...document.images].find(isWhole)?.src ?? "";
}

// thumbnailLink makes a small picture that links to the view of the image. It fills a box
// of this width and height, in CSS pixels. If box.late is true, the picture has a low priority.
// A plain click calls onOpen(image) instead.
export function thumbnailLink(image, onOpen, box = { width: 48, height: 48 }) {
  const onclick = (event) => {
    if (event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      onOpen(image);
    }
  };
  const link = el("a", { class: "picture", href: viewURL(image), onclick });
  if (isResizable(image)) {
    const img = pictureElement(image, { fetchpriority: box.late && "low", src: thumbnailURL(image, box) });
    img.addEventListener("load", () => {
      link.classList.add("loaded");
      link.classList.toggle("transparent", maybeTransparent(image));
    });
    link.append(img);
  } else {
    link.append(...placeholder(image));
  }
  return link;
}

// pictureElement makes the img element of an image. If the browser cannot load the URL, the
// element waits until the server responds, and requests the same URL again. If that fails, it
// requests the original, because a browser may show a part of an image that the server cannot
// resize. If that also fails, it shows the placeholder and calls onFail.
export function pictureElement(image, attributes, { onFail } = {}) {
  let failures = 0;
  const img = el("img", {
    alt: image.filename,
    ...attributes,
    decoding: "async",
    width: image.width || null,
    height: image.height || null,
    onload: () => img.classList.remove("broken"),
    onerror: async () => {
      if (!img.hasAttribute("src")) {
        return; // the card was removed
      }
      img.classList.add("broken");
      const wasAway = await serverBack();
      failures += wasAway ? 0 : 1;
      if (failures > 2) {
        img.replaceWith(...placeholder(image));
        onFail?.();
      } else if (failures === 2) {
        img.src = imageURL(image);
      } else {
        setTimeout(() => {
          img.removeAttribute("srcset");
          img.src = attributes.src;
        }, wasAway ? 0 : RETRY_DELAY);
      }
    },
  });
  return img;
}

// placeholder returns the text that is shown instead of a picture.
function placeholder(image) {
  return [words.format(image.content_type), screenReaderText(words.noPreview(image.filename))];
}

// dimensions returns the width and the height as text. The text is empty if they are not
// known, as for some SVGs.
export function dimensions(image) {
  return image.width > 0 && image.height > 0 ? words.dimensions(image.width, image.height) : "";
}

// facts returns the dimensions and the size of an image in one line.
export function facts(image) {
  return [dimensions(image), size(image.size)].filter(Boolean).join(" · ");
}
