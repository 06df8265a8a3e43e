// The ways files come in: chosen, dropped, pasted.

import { closeDialogs, el, moveToTopDialog } from "./dom.js";
import { compareNames, droppedFiles } from "./folder.js";
import * as words from "./words.js";

// watchIntake calls onFiles with an array of Files each time some come in. A file
// that cannot be read has a refusalReason, see droppedFiles. Open dialogs are closed,
// because they cover the list of uploads.
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
    // The files of a folder come in no order. Other files have no relative path, and
    // stay in their order.
    receive([...input.files].sort((a, b) => compareNames(a.webkitRelativePath, b.webkitRelativePath)));
    input.value = ""; // so that the same file can be chosen again
  });
}

// watchDrop receives files that are dropped anywhere on the window. The overlay
// covers the whole window, so a drag leaves the overlay only when it leaves the
// window, and nothing flickers. Some browsers also report a picture of this page that
// is dragged as a file. It is stored already, so it is ignored.
function watchDrop(receive) {
  const overlay = el("div", { id: "overlay", hidden: true, "aria-hidden": "true" }, el("p", {}, words.drop));
  let fromThisPage = false;
  const hasFiles = (event) => !fromThisPage && event.dataTransfer.types.includes("Files");

  addEventListener("dragstart", () => { fromThisPage = true; });
  // There is no dragend if the dragged element was removed meanwhile. But pointermove
  // also means that the drag is over.
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

// withName gives a pasted picture a name of its own, because browsers call every
// pasted picture image.png. A file that was copied in a file manager has its real
// name.
function withName(file) {
  if (!/^(image\.\w+)?$/.test(file.name)) {
    return file;
  }
  const extension = file.type.replace(/^image\/(x-)?/, "").replace(/\+.*/, "").replace("jpeg", "jpg");
  return new File([file], `pasted-${localTime()}.${extension}`, { type: file.type });
}

// localTime returns the time now, in the form 2026-11-23-14-03-55.
function localTime() {
  const t = new Date();
  return [t.getFullYear(), t.getMonth() + 1, t.getDate(), t.getHours(), t.getMinutes(), t.getSeconds()]
    .map((n) => String(n).padStart(2, "0")).join("-");
}
