// Downloads: one image as it is, many as a ZIP.

import { el } from "./dom.js";
import { address } from "./image.js";
import { toast } from "./toast.js";
import * as words from "./words.js";

// download has the browser save the images, one after another as they come:
// the page holds none of them.
export function download(images) {
  if (images.length === 1) {
    el("a", { href: `${address(images[0])}&download`, download: images[0].filename }).click();
    return;
  }
  const form = el("form", { action: "archive", method: "post", target: "download", hidden: true },
    ...images.map((image) => el("input", { type: "hidden", name: "name", value: image.filename })));
  document.body.append(frame(), form);
  form.submit();
  form.remove();
}

// frame is where the browser would show the answer. It saves it instead; what
// is shown is an error: the server's, as JSON, or the browser's own, into which
// the page cannot look.
function frame() {
  document.querySelector("iframe[name=download]")?.remove();
  return el("iframe", {
    name: "download",
    hidden: true,
    title: words.download,
    onload: ({ target }) => {
      const text = target.contentDocument ? target.contentDocument.body.textContent : "{}";
      if (text) {
        toast(message(text) || words.archiveFailed);
      }
    },
  });
}

function message(text) {
  try {
    return JSON.parse(text).message;
  } catch {
    return "";
  }
}
