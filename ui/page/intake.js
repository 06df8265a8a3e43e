// The ways files come in: chosen, dropped, pasted.

import { closeDialogs, el, hoist } from "./dom.js";
import { byName, filesIn } from "./folder.js";
import * as words from "./words.js";

// intake calls take with an array of Files each time some come in. One that
// cannot be read is marked with its objection, see filesIn. A dialog that is
// open closes, for it hides what becomes of them.
export function intake(inputs, take) {
  const receive = (files) => {
    if (files.length > 0) {
      closeDialogs();
      take(files);
    }
  };
  inputs.forEach((input) => choose(input, receive));
  drop(receive);
  paste(receive);
}

function choose(input, take) {
  input.addEventListener("change", () => {
    // Those of a folder come in no order. Others have no such path, and keep theirs.
    take([...input.files].sort((a, b) => byName(a.webkitRelativePath, b.webkitRelativePath)));
    input.value = ""; // or the same file could not be chosen again
  });
}

// drop takes files wherever on the window they are dropped. The overlay covers
// all of it, so the drag leaves the overlay only when it leaves the window, and
// nothing flickers. A picture dragged from this page also counts as a file for
// some browsers; it is here already.
function drop(take) {
  const overlay = el("div", { id: "overlay", hidden: true, "aria-hidden": "true" }, el("p", {}, words.drop));
  let own = false;
  const files = (event) => !own && event.dataTransfer.types.includes("Files");

  addEventListener("dragstart", () => { own = true; });
  // What was dragged may be gone from the page, and its dragend with it. No
  // pointer moves while something is dragged.
  ["dragend", "pointermove"].forEach((name) => addEventListener(name, () => { own = false; }));
  addEventListener("dragenter", (event) => {
    if (files(event) && overlay.hidden) {
      hoist(overlay);
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
  addEventListener("drop", async (event) => {
    overlay.hidden = true;
    if (files(event)) {
      event.preventDefault();
      const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
      take(await filesIn(items));
    }
  });
}

function paste(take) {
  addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length > 0 && !event.target.closest?.("input:not([type=file], [type=checkbox])")) {
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
