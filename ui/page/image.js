// What a stored image looks like on the page: its URLs, its picture and its facts.

import { el, screenReaderText } from "./dom.js";
import { size } from "./intl.js";
import { isResizable } from "./limits.js";
import * as words from "./words.js";

const THUMBNAIL = 320; // pixels on the longer side
const THUMBNAIL_LARGE = 640; // the same for screens with small pixels

// THUMBNAIL_SIZES is the largest width of a picture in a card (style.css). A narrow window
// is usually a phone. With this value, a phone that has 1.75 pixels per CSS pixel loads the
// small thumbnail, which has a third of the bytes.
const THUMBNAIL_SIZES = "(max-width: 30rem) 11.4rem, 15rem";

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
// HEIC, so for these the URL is that of the largest resized copy that the server makes.
export function fullSizeURL(image) {
  return ["image/tiff", "image/heic"].includes(image.content_type) ? resizedURL(image, 4096) : imageURL(image);
}

// viewURL returns the URL of the page in which the image is open.
export function viewURL(image) {
  return `?${new URLSearchParams({ image: image.filename })}`;
}

// thumbnailLink makes a small picture that links to the view of the image. A plain
// click calls onOpen(image) instead. If eager is set, the browser loads the picture at once.
export function thumbnailLink(image, onOpen, { eager } = {}) {
  const onclick = (event) => {
    if (event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      onOpen(image);
    }
  };
  const content = isResizable(image)
    ? [pictureElement(image, {
      src: resizedURL(image, THUMBNAIL), srcset: thumbnailSrcset(image), sizes: THUMBNAIL_SIZES, loading: eager ? "eager" : "lazy",
    })]
    : placeholder(image);
  return el("a", { class: "picture", href: viewURL(image), onclick }, ...content);
}

// thumbnailSrcset lets the browser choose between two sizes. A small image has only one
// size.
function thumbnailSrcset(image) {
  const longest = Math.max(image.width, image.height);
  const candidate = (pixels) => `${resizedURL(image, pixels)} ${Math.max(1, Math.round(image.width * Math.min(1, pixels / longest)))}w`;
  return longest > THUMBNAIL && `${candidate(THUMBNAIL)}, ${candidate(THUMBNAIL_LARGE)}`;
}

// pictureElement makes the img element of an image. If the browser cannot load the URL,
// the element requests the same URL again, then the original, and then shows the
// placeholder. A browser may show a part of a damaged image that the server cannot resize.
// The placeholder is necessary because not every browser shows every format.
export function pictureElement(image, attributes) {
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
        }, RETRY_DELAY);
      } else if (failures === 2) {
        img.src = imageURL(image);
      } else {
        img.replaceWith(...placeholder(image));
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
