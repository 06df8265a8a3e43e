// Copies links to images, in the chosen format.

import { announce, el, moveToTopDialog, screenReaderText, settingChooser, showSheet } from "./dom.js";
import { icon } from "./icons.js";
import { shownEverywhere } from "./image.js";
import { isResizable } from "./limits.js";
import { Setting } from "./setting.js";
import { toast } from "./toast.js";
import * as words from "./words.js";

const COPIED = 2000; // milliseconds that a button says "Copied"
const WIDTHS = [320, 640, 1280, 2560]; // pixels of the copies in a srcset

const formatters = {
  url: (image) => image.url,
  // Markdown and HTML show the picture, and few browsers show HEIC, so they get a JPEG copy.
  // In CommonMark, brackets end the text of a link, and parentheses end its address. Code,
  // tags and entities have priority over links.
  markdown: (image) => `![${image.filename.replace(/[\\`[\]<&]/g, "\\$&")}](${pictureURL(image).replaceAll("(", "%28").replaceAll(")", "%29")})`,
  html: (image) => `<img src="${escape(pictureURL(image))}" ${describing(image)}>`,
  bbcode: (image) => `[img]${pictureURL(image)}[/img]`,
};

const linkFormat = new Setting("copy-as", Object.keys(formatters));
linkFormat.subscribe(() => document.querySelectorAll("button.copy:not(.text)").forEach((copy) => setLabel(copy)));

// formatLinks returns links to the images in this format, one per line.
export function formatLinks(images, format) {
  return images.map(formatters[format]).join("\n");
}

// responsiveHTML returns HTML with which a browser loads a copy that fits the window. It
// returns an empty text if the server makes no smaller copies of the image.
export function responsiveHTML(image) {
  const widths = WIDTHS.filter((width) => width < image.width);
  const fixed = /svg|icon|jxl/.test(image.content_type);
  if (widths.length === 0 || fixed || !isResizable(image)) {
    return "";
  }
  const candidates = [...widths.map((width) => `${image.url}?w=${width} ${width}w`), `${pictureURL(image)} ${image.width}w`];
  const middle = widths.findLast((width) => width <= 1280);
  return `<img src="${escape(image.url)}?w=${middle}" srcset="${escape(candidates.join(", "))}" sizes="100vw" ${describing(image)}>`;
}

// describing returns the attributes alt, width and height.
function describing(image) {
  const size = image.width > 0 && image.height > 0 ? ` width="${image.width}" height="${image.height}"` : "";
  return `alt="${escape(image.filename)}"${size}`;
}

// pictureURL returns the URL of a picture that every browser shows.
export function pictureURL(image) {
  return shownEverywhere(image) ? image.url : `${image.url}?format=jpeg`;
}

function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

// linkFormatChooser makes a select element for the format. If the page has several such
// elements, all of them change together.
export function linkFormatChooser() {
  return settingChooser(TEXT.copyForm, TEXT.forms, linkFormat);
}

// copyButton makes a button that copies the link to the image, in the format that is chosen
// when the reader clicks. The button shows that it has copied the link.
export function copyButton(image) {
  return copyButtonOf("copy icon-button", image.filename, () => formatLinks([image], linkFormat.value));
}

// copyTextButton makes a button that copies the text. label says what the text is.
export function copyTextButton(text, label) {
  return copyButtonOf("copy text icon-button", label, () => text, TEXT.copyText);
}

function copyButtonOf(kind, about, textOf, label) {
  const copy = el("button", { type: "button", class: kind, onclick: () => copyAndSay(copy, textOf(), label) },
    icon("copy"), icon("check"), screenReaderText(""), screenReaderText(words.about(about)));
  setLabel(copy, label);
  return copy;
}

// copyAndSay copies the text. The button says "Copied" for a moment.
async function copyAndSay(copy, text, label) {
  if (await copyOrShow(text)) {
    setLabel(copy, TEXT.copied);
    announce(TEXT.copied);
    setTimeout(() => setLabel(copy, label), COPIED);
  }
}

// setLabel sets the label of a copy button: the format of the link, or "Copied".
function setLabel(copy, label = TEXT.copies[linkFormat.value]) {
  copy.querySelector("span").textContent = label;
  copy.classList.toggle("copied", label === TEXT.copied);
  copy.title = label;
}

// copyLinks copies links to the images, one per line, and shows a message.
export async function copyLinks(images) {
  if (await copyOrShow(formatLinks(images, linkFormat.value))) {
    toast(words.copiedMany(images.length));
  }
}

// copyOrShow copies the text and reports whether the browser allowed it. If the browser did
// not allow it, copyOrShow shows the text in a dialog, where people can copy it.
async function copyOrShow(text) {
  const copied = await writeClipboard(text);
  if (!copied) {
    const area = el("textarea", { readonly: true, dir: "ltr", autofocus: true, rows: Math.min(8, text.split("\n").length + 1), "aria-labelledby": "by-hand" });
    area.value = text;
    showSheet(el("dialog", { class: "sheet", "aria-labelledby": "by-hand" },
      el("p", { id: "by-hand" }, TEXT.copyByHand),
      area,
      el("form", { method: "dialog", class: "actions" }, el("button", {}, TEXT.close))));
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
