// What a stored image looks like on the page: its URLs, its picture and its facts.

import { el, screenReaderText } from "./dom.js";
import { size } from "./intl.js";
import { isResizable } from "./limits.js";
import * as words from "./words.js";

const THUMBNAIL = 320; // pixels on the longer side
const THUMBNAIL_LARGE = 640; // the same for fine screens

// THUMBNAIL_SIZES is the largest width of a picture in a card (style.css). Narrow
// windows are phones. With this value those that have 1.75 pixels per CSS pixel load
// the small thumbnail, a third of the bytes.
const THUMBNAIL_SIZES = "(max-width: 30rem) 11.4rem, 15rem";

// RETRY_DELAY is how long a picture waits before its second request, in
// milliseconds. The server may have too many resized copies to make.
const RETRY_DELAY = 5000;

// imageURL returns where the page loads an image from. With the digest in the URL
// the browser may cache it for ever.
export function imageURL(image) {
  return `images/${encodeURIComponent(image.filename)}?v=${image.sha256}`;
}

// resizedURL returns the URL of a resized copy with at most so many pixels on each
// side. The server sends the original if it is smaller, or if it cannot resize it.
export function resizedURL(image, pixels) {
  return `${imageURL(image)}&w=${pixels}&h=${pixels}`;
}

// fullSizeURL returns the URL of an image in its full size. Few browsers show TIFF,
// so for TIFF it is the largest resized copy that the server makes.
export function fullSizeURL(image) {
  return image.content_type === "image/tiff" ? resizedURL(image, 4096) : imageURL(image);
}

// viewURL returns the URL of the page with the image open.
export function viewURL(image) {
  return `?${new URLSearchParams({ image: image.filename })}`;
}

// thumbnailLink makes a small picture that links to the view of the image. A plain
// click calls onOpen(image) instead. eager loads the picture at once.
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

// thumbnailSrcset lets the browser choose between two sizes. An image that is small
// itself has only one.
function thumbnailSrcset(image) {
  const longest = Math.max(image.width, image.height);
  const candidate = (pixels) => `${resizedURL(image, pixels)} ${Math.max(1, Math.round(image.width * Math.min(1, pixels / longest)))}w`;
  return longest > THUMBNAIL && `${candidate(THUMBNAIL)}, ${candidate(THUMBNAIL_LARGE)}`;
}

// pictureElement makes the img element of an image. If its URL cannot be loaded, it
// tries once more, then loads the original, and then shows the placeholder: the
// server cannot resize a damaged image that a browser may show in part, and not
// every browser shows every format.
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

// placeholder returns what is shown instead of a picture.
function placeholder(image) {
  return [words.format(image.content_type), screenReaderText(words.noPreview(image.filename))];
}

// dimensions returns an empty text if they are not known, as for some SVGs.
export function dimensions(image) {
  return image.width > 0 && image.height > 0 ? words.dimensions(image.width, image.height) : "";
}

// facts returns the dimensions and the size of an image in one line.
export function facts(image) {
  return [dimensions(image), size(image.size)].filter(Boolean).join(" · ");
}
