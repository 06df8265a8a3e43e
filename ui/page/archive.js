// Downloads one image as it is, or several as a ZIP file.

import { el } from "./dom.js";
import { imageURL } from "./image.js";
import { toast } from "./toast.js";
import * as words from "./words.js";

// download makes the browser save the images. The browser writes them to the disk as
// they come, so the page does not hold them in memory.
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

// responseFrame makes a hidden frame for the response. The browser saves a ZIP file
// and loads nothing into the frame. It loads an error: the server's, which is JSON,
// or the browser's own page, which the script cannot read.
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
    return JSON.parse(text).message;
  } catch {
    return "";
  }
}
