// Receives files that the reader chooses, drops or pastes.

import { closeDialogs, el, moveToTopDialog } from "./dom.js";
import { droppedFiles, isSystemFile, sortBy } from "./folder.js";
import { icon } from "./icons.js";
import { toast } from "./toast.js";
import * as words from "./words.js";

// watchIntake calls onFiles(files, skipped) each time the reader adds files. files is an
// array of Files. A file that cannot be read has a refusal, see droppedFiles. skipped is the
// number of system files in the folders that the reader added. watchIntake closes open
// dialogs, because they cover the uploads. It returns a function that adds the images on the
// clipboard, or says why it cannot.
export function watchIntake(inputs, onFiles) {
  const receive = ({ files, skipped = 0 }) => {
    if (files.length > 0) {
      closeDialogs();
      onFiles(files, skipped);
    }
  };
  inputs.forEach((input) => watchInput(input, receive));
  watchDrop(receive);
  watchPaste(receive);
  return () => pasteImages(receive);
}

function watchInput(input, receive) {
  input.addEventListener("change", () => {
    const chosen = [...input.files];
    const files = chosen.filter((file) => !isSystemFile(file.webkitRelativePath));
    // The browser returns the files of a folder in any order. Other files have no relative
    // path, so they stay in their order.
    sortBy(files, "webkitRelativePath");
    input.value = ""; // so that the same file can be chosen again
    receive({ files, skipped: chosen.length - files.length });
  });
}

// watchDrop receives files that are dropped anywhere on the window. The overlay
// covers the whole window, so a drag leaves the overlay only when it leaves the
// window, and nothing flickers. If the reader drags a picture of this page, some browsers
// report a file. The server already has this picture, so watchDrop ignores the file.
function watchDrop(receive) {
  const label = el("p");
  const overlay = el("div", { id: "overlay", hidden: true, "aria-hidden": "true" }, el("div", {}, icon("upload"), label));
  let fromThisPage = false;
  const hasFiles = (event) => !fromThisPage && event.dataTransfer.types.includes("Files");

  addEventListener("dragstart", () => { fromThisPage = true; });
  // If the dragged element was removed meanwhile, the browser sends no dragend. But a
  // pointermove also means that the drag has ended.
  ["dragend", "pointermove"].forEach((name) => addEventListener(name, () => { fromThisPage = false; }));
  addEventListener("dragenter", (event) => {
    if (hasFiles(event) && overlay.hidden) {
      label.textContent = dropText(fileItems(event));
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
      receive(await droppedFiles(fileItems(event)));
    }
  });
}

function fileItems(event) {
  return [...event.dataTransfer.items].filter((item) => item.kind === "file");
}

// dropText says how many files are dragged. Before the drop, a browser does not say which
// item is a folder. But a folder has no type, so one item without a type is not counted.
function dropText(items) {
  return items.length > 1 || items[0]?.type ? words.dropCount(items.length) : TEXT.drop;
}

// watchPaste receives pasted files. Text that is pasted into a field stays text, even if
// the clipboard also has a picture of the text.
function watchPaste(receive) {
  addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    const text = event.clipboardData.getData("text/plain").trim();
    const field = event.target.closest?.("input:not([type=file], [type=checkbox]), textarea, select");
    if (files.length > 0 && !(field && text)) {
      event.preventDefault();
      receive({ files: files.map(withName) });
    } else if (text && !field) {
      toast(/^https?:\/\/\S+$/i.test(text) ? TEXT.pastedLink : TEXT.pastedText);
    }
  });
}

// canPaste reports whether the page may read the clipboard. Browsers allow it only on
// https and on localhost.
export function canPaste() {
  return Boolean(navigator.clipboard?.read);
}

// pasteImages reads the clipboard after the reader has pressed a button. The browser may ask
// the reader first.
async function pasteImages(receive) {
  const files = [];
  try {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find((t) => t.startsWith("image/"));
      if (type) {
        files.push(withName(new File([await item.getType(type)], "", { type })));
      }
    }
  } catch {
    toast(TEXT.pasteForbidden);
    return;
  }
  if (files.length === 0) {
    toast(TEXT.nothingToPaste);
  }
  receive({ files });
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
