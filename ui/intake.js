// The three ways files come in: chosen, dropped, pasted.

import { el } from "./dom.js";
import * as words from "./words.js";

// intake calls take with an array of Files each time some come in. A folder is
// a File with its name and the mark folder: browsers hand it over as a file
// that cannot be read.
export function intake(input, take) {
  choose(input, take);
  drop(take);
  paste(take);
}

function choose(input, take) {
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = ""; // or the same file could not be chosen again
  });
}

// drop takes files wherever on the window they are dropped. The overlay covers
// all of it, so the drag leaves the overlay only when it leaves the window, and
// nothing flickers. A picture dragged from this page also counts as a file for
// some browsers; it is here already.
function drop(take) {
  const overlay = el("div", { id: "overlay", hidden: true }, el("p", {}, words.drop));
  document.body.append(overlay);
  let own = false;
  const files = (event) => !own && event.dataTransfer.types.includes("Files");

  addEventListener("dragstart", () => { own = true; });
  addEventListener("dragend", () => { own = false; });
  addEventListener("dragenter", (event) => {
    if (files(event) && !document.querySelector("dialog[open]")) {
      overlay.hidden = false;
    }
  });
  overlay.addEventListener("dragleave", () => { overlay.hidden = true; });
  addEventListener("dragover", (event) => {
    if (files(event)) {
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
    }
  });
  addEventListener("drop", (event) => {
    overlay.hidden = true;
    if (files(event)) {
      event.preventDefault();
      take(dropped(event.dataTransfer));
    }
  });
}

function dropped(transfer) {
  return [...transfer.items].filter((item) => item.kind === "file").map((item) => {
    const entry = item.webkitGetAsEntry();
    return entry?.isDirectory ? Object.assign(new File([], entry.name), { folder: true }) : item.getAsFile();
  });
}

function paste(take) {
  addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length > 0 && !event.target.closest?.("input:not([type=file])")) {
      event.preventDefault();
      take(files.map(named));
    }
  });
}

// named gives a pasted picture a name of its own. Browsers call every one of
// them image.png; a file copied in a file manager comes with its real name.
function named(file) {
  if (!/^(image\.\w+)?$/.test(file.name)) {
    return file;
  }
  const extension = file.type.replace(/^image\/(x-)?/, "").replace(/\+.*/, "").replace("jpeg", "jpg");
  return new File([file], `pasted-${now()}.${extension}`, { type: file.type });
}

// now is the local time in the form 2026-11-23-14-03-55.
function now() {
  const t = new Date();
  return [t.getFullYear(), t.getMonth() + 1, t.getDate(), t.getHours(), t.getMinutes(), t.getSeconds()]
    .map((n) => String(n).padStart(2, "0")).join("-");
}
