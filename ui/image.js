// What an upload and a picture in the gallery have in common.

import { announce, button, el } from "./dom.js";
import * as words from "./words.js";

// address is where the page itself shows an image from. With its digest the
// browser may keep it for ever.
function address(image) {
  return `/images/${encodeURIComponent(image.filename)}?v=${image.sha256}`;
}

// thumbnail is where a small copy of an image is, of so many pixels on its
// longer side. An image that is smaller, or a kind that the server does not
// resize, comes as it is.
function thumbnail(image, pixels) {
  return `${address(image)}&w=${pixels}&h=${pixels}`;
}

// patience is how long a thumbnail waits before it asks again, in milliseconds:
// the server may have too many to make.
const patience = 5000;

// picture makes a thumbnail that leads to the image. Where no copy can be made,
// of a picture that is damaged, say, the browser may yet show the original. Some
// formats are stored and served, but not every browser shows them.
export function picture(image) {
  let failures = 0;
  const img = el("img", {
    src: thumbnail(image, 320),
    srcset: `${thumbnail(image, 640)} 2x`,
    alt: image.filename,
    loading: "lazy",
    decoding: "async",
    width: image.width || null,
    height: image.height || null,
    onerror: () => {
      failures += 1;
      if (failures === 1) {
        setTimeout(() => {
          img.removeAttribute("srcset");
          img.src = thumbnail(image, 320);
        }, patience);
        return;
      }
      if (failures === 2) {
        img.src = address(image);
        return;
      }
      img.replaceWith(words.format(image.content_type), el("span", { class: "unseen" }, words.noPreview(image.filename)));
    },
  });
  return el("a", { class: "picture", href: address(image) }, img);
}

// facts says how large an image is; dimensions only where they are known.
export function facts(image) {
  const known = image.width > 0 && image.height > 0;
  return [known && words.dimensions(image.width, image.height), words.size(image.size)].filter(Boolean).join(" · ");
}

// copyButton makes a button that copies the image's link and says so only when
// it did. Otherwise it puts the link beside itself, selected.
export function copyButton(image) {
  const label = el("span", {}, words.copy);
  const copy = button(label, async () => {
    if (await copied(image.url)) {
      label.textContent = words.copied;
      announce(words.copied);
      setTimeout(() => { label.textContent = words.copy; }, 2000);
      return;
    }
    const link = el("input", { class: "link", readonly: true, value: image.url, "aria-label": words.link(image.filename) });
    copy.replaceWith(link);
    link.select();
    announce(words.copyByHand);
  }, { about: image.filename });
  return copy;
}

// copied puts text on the clipboard and reports whether that worked. Browsers
// offer navigator.clipboard only over https and on localhost; the older way
// copies what is selected.
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const focused = document.activeElement;
    const area = el("textarea", { class: "unseen", readonly: true });
    area.value = text;
    document.body.append(area);
    area.focus({ preventScroll: true });
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    focused.focus({ preventScroll: true });
    return done;
  }
}
