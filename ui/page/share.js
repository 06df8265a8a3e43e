// The panel with all links to an image.

import { deleteLink } from "./deletelinks.js";
import { button, el, topDialog } from "./dom.js";
import { drawing } from "./icons.js";
import { copyTextButton, formatLinks, pictureURL, responsiveHTML } from "./links.js";
import { qrCode } from "./qr.js";
import * as words from "./words.js";

const QUIET = 4; // modules around a QR code that stay light (ISO/IEC 18004)
const GAP = 8; // pixels between the panel and what is around it

// share shows the links to the images. anchor is the button that was pressed. In a wide window
// the panel is below this button, and in a narrow window at the bottom.
export function share(images, anchor) {
  const [image] = images;
  const single = images.length === 1;
  const panel = el("div", { class: "share", popover: "auto", role: "dialog", "aria-labelledby": "share-title" },
    el("div", { class: "head" },
      el("h2", { id: "share-title", tabindex: -1, autofocus: true }, single ? TEXT.share : words.shareMany(images.length)),
      button(TEXT.close, () => panel.hidePopover(), { icon: "close" })),
    single && opening(image),
    ...Object.entries(TEXT.forms).map(([format, label]) => row(label, formatLinks(images, format))),
    single && responsiveHTML(image) !== "" && row(TEXT.responsive, responsiveHTML(image)),
    single && deleteLink(image) !== "" && row(TEXT.deleteLink, deleteLink(image), TEXT.deleteLinkHint));
  const place = () => placeBelow(panel, anchor);
  // In Safari, one press of Escape would close the panel and also the dialog below it.
  const closeByKey = (event) => {
    if (event.key === "Escape") {
      event.preventDefault();
      panel.hidePopover();
    }
  };
  panel.addEventListener("toggle", (event) => {
    if (event.newState === "closed") {
      removeEventListener("resize", place);
      removeEventListener("keydown", closeByKey);
      panel.remove();
    }
  });
  (topDialog() ?? document.body).append(panel);
  panel.showPopover();
  place();
  addEventListener("resize", place);
  addEventListener("keydown", closeByKey);
}

// opening offers to open the link on another device or in another app.
function opening(image) {
  const link = pictureURL(image);
  const code = qrCode(link);
  return el("div", { class: "opening" },
    code && picture(code),
    el("div", {},
      el("p", { class: "name", dir: "auto" }, image.filename),
      code && el("p", { class: "hint" }, TEXT.scan),
      navigator.share && button(TEXT.shareWithApp, () => navigator.share({ title: image.filename, url: link }).catch(() => {}))));
}

function row(label, text, hint) {
  const area = el("textarea", { rows: text.includes("\n") ? 3 : 1, readonly: true, dir: "ltr", "aria-label": label, spellcheck: "false", onfocus: () => area.select() });
  area.value = text;
  return el("div", { class: "link" },
    el("p", { class: "label" }, label),
    area,
    copyTextButton(text, label),
    hint && el("p", { class: "hint" }, hint));
}

// picture makes a picture of a QR code.
function picture(rows) {
  const side = rows.length + 2 * QUIET;
  const path = rows.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x + QUIET} ${y + QUIET}h1v1h-1z` : ""))).join("");
  return drawing(path, { class: "qr", viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": TEXT.qrCode });
}

// placeBelow puts the panel below the anchor, or where it fits into the window.
function placeBelow(panel, anchor) {
  const at = anchor.getBoundingClientRect();
  const { width, height } = panel.getBoundingClientRect();
  const within = (value, max) => Math.max(GAP, Math.min(value, max - GAP));
  panel.style.left = `${within(at.right - width, innerWidth - width)}px`;
  panel.style.top = `${within(at.bottom + GAP, innerHeight - height)}px`;
}
