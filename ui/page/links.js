// Links to images: the forms they are copied in, and copying.

import { announce, el, hoist, settingChooser, sheet, unseen } from "./dom.js";
import { icon } from "./icons.js";
import { Setting } from "./setting.js";
import { toast } from "./toast.js";
import * as words from "./words.js";

const form = new Setting("copy-as", ["url", "markdown", "html"]);
form.watch(() => document.querySelectorAll("button.copy").forEach((copy) => label(copy)));

const written = {
  url: (image) => image.url,
  // CommonMark: brackets end the text, parentheses the address; code, tags and
  // entities come before either.
  markdown: (image) => `![${image.filename.replace(/[\\`[\]<&]/g, "\\$&")}](${image.url.replace(/\(/g, "%28").replace(/\)/g, "%29")})`,
  html: (image) => {
    const size = image.width > 0 && image.height > 0 ? ` width="${image.width}" height="${image.height}"` : "";
    return `<img src="${escape(image.url)}" alt="${escape(image.filename)}"${size}>`;
  },
};

function escape(text) {
  return text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

// formChooser makes a switch between the forms. All on the page change together.
export function formChooser() {
  return settingChooser(words.copyForm, words.forms, form);
}

// copyButton makes a button that copies the link to the image, in the form
// that is chosen then, and says so when it did.
export function copyButton(image, { small } = {}) {
  const copy = el("button", {
    type: "button",
    class: small ? "copy icon-button" : "copy",
    onclick: async () => {
      if (await put([image])) {
        label(copy, words.copied);
        announce(words.copied);
        setTimeout(() => label(copy), 2000);
      }
    },
  },
    small && icon("copy"),
    small && icon("check"),
    el("span", { class: small && "unseen" }),
    unseen(words.about(image.filename)));
  label(copy);
  return copy;
}

// label writes on a copy button what it does, or what it has done.
function label(copy, name = words.copies[form.value]) {
  copy.querySelector("span").textContent = name;
  copy.classList.toggle("copied", name === words.copied);
  if (copy.classList.contains("icon-button")) {
    copy.title = name;
  }
}

// copyLinks copies links to the images, a line each, and says so when it did.
export async function copyLinks(images) {
  if (await put(images)) {
    toast(words.copiedMany(images.length));
  }
}

// put puts links to the images on the clipboard and reports whether that
// worked. Where it does not, it shows them, for somebody to copy by hand.
async function put(images) {
  const text = images.map(written[form.value]).join("\n");
  const done = await copied(text);
  if (!done) {
    const area = el("textarea", { readonly: true, autofocus: true, rows: Math.min(8, images.length + 1), "aria-labelledby": "by-hand" });
    area.value = text;
    sheet(el("dialog", { class: "sheet", "aria-labelledby": "by-hand" },
      el("p", { id: "by-hand" }, words.copyByHand),
      area,
      el("form", { method: "dialog", class: "actions" }, el("button", {}, words.close))));
    area.select();
  }
  return done;
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
    hoist(area);
    area.focus({ preventScroll: true });
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    focused.focus({ preventScroll: true });
    return done;
  }
}
