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
  document.body.append(responseFrame(), form);
  form.submit();
  form.remove();
}

// responseFrame makes a hidden frame for the response. If the response is a ZIP file, the
// browser saves the file and loads nothing into the frame. Otherwise the browser loads an
// error into the frame. This is the JSON of the server, or a page of the browser, which
// the script cannot read.
function responseFrame() {
  document.querySelector("iframe[name=download]")?.remove();
  return el("iframe", {
    name: "download",
    hidden: true,
    title: words.download,
    onload: ({ target }) => {
      const text = target.contentDocument ? target.contentDocument.body.textContent : "{}";
      if (text) {
        toast(errorMessage(text) || words.archiveFailed);
      }
    },
  });
}

function errorMessage(text) {
  try {
    const { error, message } = JSON.parse(text);
    return words.serverError(error?.code, message);
  } catch {
    return "";
  }
}
