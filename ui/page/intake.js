// Receives files that the reader chooses, drops or pastes.

import { closeDialogs, el, moveToTopDialog } from "./dom.js";
import { compareNames, droppedFiles } from "./folder.js";
import * as words from "./words.js";

// watchIntake calls onFiles with an array of Files each time the reader adds files. A file
// that cannot be read has a refusalReason, see droppedFiles. watchIntake closes open
// dialogs, because they cover the list of uploads.
export function watchIntake(inputs, onFiles) {
  const receive = (files) => {
    if (files.length > 0) {
      closeDialogs();
      onFiles(files);
    }
  };
  inputs.forEach((input) => watchInput(input, receive));
  watchDrop(receive);
  watchPaste(receive);
}

function watchInput(input, receive) {
  input.addEventListener("change", () => {
    // The browser returns the files of a folder in any order. Other files have no relative
    // path, so they stay in their order.
    receive([...input.files].sort((a, b) => compareNames(a.webkitRelativePath, b.webkitRelativePath)));
    input.value = ""; // so that the same file can be chosen again
  });
}

// watchDrop receives files that are dropped anywhere on the window. The overlay
// covers the whole window, so a drag leaves the overlay only when it leaves the
// window, and nothing flickers. If the reader drags a picture of this page, some browsers
// report a file. The server already has this picture, so watchDrop ignores the file.
function watchDrop(receive) {
  const overlay = el("div", { id: "overlay", hidden: true, "aria-hidden": "true" }, el("p", {}, words.drop));
  let fromThisPage = false;
  const hasFiles = (event) => !fromThisPage && event.dataTransfer.types.includes("Files");

  addEventListener("dragstart", () => { fromThisPage = true; });
  // If the dragged element was removed meanwhile, the browser sends no dragend. But a
  // pointermove also means that the drag has ended.
  ["dragend", "pointermove"].forEach((name) => addEventListener(name, () => { fromThisPage = false; }));
  addEventListener("dragenter", (event) => {
    if (hasFiles(event) && overlay.hidden) {
      moveToTopDialog(overlay);
      overlay.hidden = false;
    }
  });
  overlay.addEventListener("dragleave", () => { overlay.hidden = true; });
  addEventListener("dragover", (event) => {
    if (hasFiles(event)) {
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
    }
  });
  addEventListener("drop", async (event) => {
    overlay.hidden = true;
    if (hasFiles(event)) {
      event.preventDefault();
      const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
      receive(await droppedFiles(items));
    }
  });
}

function watchPaste(receive) {
  addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length > 0 && !event.target.closest?.("input:not([type=file], [type=checkbox])")) {
      event.preventDefault();
      receive(files.map(withName));
    }
  });
}

// withName gives a pasted picture a new name, because browsers call every pasted picture
// image.png. A file that was copied in a file manager keeps its name.
function withName(file) {
  if (!/^(image\.\w+)?$/.test(file.name)) {
    return file;
  }
  const extension = file.type.replace(/^image\/(x-)?/, "").replace(/\+.*/, "").replace("jpeg", "jpg");
  return new File([file], `pasted-${localTime()}.${extension}`, { type: file.type });
}

// localTime returns the current time, in the form 2026-11-23-14-03-55.
function localTime() {
  const t = new Date();
  return [t.getFullYear(), t.getMonth() + 1, t.getDate(), t.getHours(), t.getMinutes(), t.getSeconds()]
    .map((n) => String(n).padStart(2, "0")).join("-");
}
