// Downloads one image unchanged, or several images as a ZIP file.

import { el } from "./dom.js";
import { imageURL } from "./image.js";
import { toast } from "./toast.js";
import * as words from "./words.js";

// download makes the browser save the images. The browser writes the bytes to the disk
// while they arrive, so the page does not need memory for the images.
export function download(images) {
  if (images.length === 1) {
    el("a", { href: `${imageURL(images[0])}&download`, download: images[0].filename }).click();
    return;
  }
  const form = el("form", { action: "archive", method: "post", target: "download", hidden: true },
    ...images.map((image) => el("input", { type: "hidden", name: "name", value: image.filename })));
  document.body.append(responseFrame(images), form);
  form.submit();
  form.remove();
}

// responseFrame makes a hidden frame for the response. If the response is a ZIP file, the
// browser saves the file and loads nothing into the frame. Otherwise the browser loads an
// error into the frame. This is the JSON of the server, or a page of the browser, which
// the script cannot read.
function responseFrame(images) {
  document.querySelector("iframe[name=download]")?.remove();
  return el("iframe", {
    name: "download",
    hidden: true,
    title: TEXT.download,
    onload: ({ target }) => {
      const text = target.contentDocument ? target.contentDocument.body.textContent : "{}";
      if (text) {
        toast(errorMessage(text, images) || TEXT.archiveFailed);
      }
    },
  });
}

// errorMessage returns what the error of the server means. If an image is missing, it says
// which one: the server writes the name in quotes.
function errorMessage(text, images) {
  try {
    const { error, message } = JSON.parse(text);
    const missing = error?.code === "not_found" && images.find(({ filename }) => message.includes(JSON.stringify(filename)));
    return missing ? words.gone(missing.filename) : words.serverError(error?.code, message);
  } catch {
    return "";
  }
}
