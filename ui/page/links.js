// Copies links to images, in the chosen format.

import { announce, el, moveToTopDialog, screenReaderText, settingChooser, showSheet } from "./dom.js";
import { icon } from "./icons.js";
import { Setting } from "./setting.js";
import { toast } from "./toast.js";
import * as words from "./words.js";

const COPIED = 2000; // milliseconds that a button says "Copied"

const linkFormat = new Setting("copy-as", ["url", "markdown", "html"]);
linkFormat.subscribe(() => document.querySelectorAll("button.copy").forEach((copy) => setLabel(copy)));

const formatters = {
  url: (image) => image.url,
  // Markdown and HTML show the picture, and few browsers show HEIC, so they get a JPEG copy.
  // In CommonMark, brackets end the text of a link, and parentheses end its address. Code,
  // tags and entities have priority over links.
  markdown: (image) => `![${image.filename.replace(/[\\`[\]<&]/g, "\\$&")}](${pictureURL(image).replace(/\(/g, "%28").replace(/\)/g, "%29")})`,
  html: (image) => {
    const size = image.width > 0 && image.height > 0 ? ` width="${image.width}" height="${image.height}"` : "";
    return `<img src="${escape(pictureURL(image))}" alt="${escape(image.filename)}"${size}>`;
  },
};

// pictureURL returns the URL of a picture that every browser shows.
function pictureURL(image) {
  return image.content_type === "image/heic" ? `${image.url}?format=jpeg` : image.url;
}

function escape(text) {
  return text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

// linkFormatChooser makes a select element for the format. If the page has several such
// elements, all of them change together.
export function linkFormatChooser() {
  return settingChooser(words.copyForm, words.forms, linkFormat);
}

// copyButton makes a button that copies the link to the image, in the format that is chosen
// when the reader clicks. The button shows that it has copied the link.
export function copyButton(image, { small } = {}) {
  const copy = el("button", {
    type: "button",
    class: small ? "copy icon-button" : "copy",
    onclick: async () => {
      if (await copyOrShow([image])) {
        setLabel(copy, words.copied);
        announce(words.copied);
        setTimeout(() => setLabel(copy), COPIED);
      }
    },
  },
    small && icon("copy"),
    small && icon("check"),
    el("span", { class: small && "visually-hidden" }),
    screenReaderText(words.about(image.filename)));
  setLabel(copy);
  return copy;
}

// setLabel sets the label of a copy button: the format of the link, or "Copied".
function setLabel(copy, label = words.copies[linkFormat.value]) {
  copy.querySelector("span").textContent = label;
  copy.classList.toggle("copied", label === words.copied);
  if (copy.classList.contains("icon-button")) {
    copy.title = label;
  }
}

// copyLinks copies links to the images, one per line, and shows a message.
export async function copyLinks(images) {
  if (await copyOrShow(images)) {
    toast(words.copiedMany(images.length));
  }
}

// copyOrShow copies links to the images and reports whether the browser allowed it.
// If the browser did not allow it, copyOrShow shows the links in a dialog, where people can
// copy them.
async function copyOrShow(images) {
  const text = images.map(formatters[linkFormat.value]).join("\n");
  const copied = await writeClipboard(text);
  if (!copied) {
    const area = el("textarea", { readonly: true, autofocus: true, rows: Math.min(8, images.length + 1), "aria-labelledby": "by-hand" });
    area.value = text;
    showSheet(el("dialog", { class: "sheet", "aria-labelledby": "by-hand" },
      el("p", { id: "by-hand" }, words.copyByHand),
      area,
      el("form", { method: "dialog", class: "actions" }, el("button", {}, words.close))));
    area.select();
  }
  return copied;
}

// writeClipboard copies text and reports whether the browser allowed it. Browsers
// have navigator.clipboard only on https and on localhost. On other addresses,
// writeClipboard selects the text and uses the older command.
async function writeClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const focused = document.activeElement;
    const area = el("textarea", { class: "visually-hidden", readonly: true });
    area.value = text;
    moveToTopDialog(area);
    area.focus({ preventScroll: true });
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    focused.focus({ preventScroll: true });
    return copied;
  }
}
