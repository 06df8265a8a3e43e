// What keys do. Those without Ctrl can be switched off: who speaks to the
// computer types by accident (WCAG 2.2, 2.1.4).

import { topDialog } from "./dom.js";
import { Setting } from "./setting.js";

export const plain = new Setting("keys", ["on", "off"]);

// keys calls page[key] for a key pressed outside of fields, or viewer[key] when
// that is on top. One that returns false leaves the key to the browser. undo()
// is asked about Ctrl+Z and reports whether there was something to undo. Of the
// keys that are held only arrows go on: Delete would take image after image.
export function keys({ viewer, page, undo }) {
  addEventListener("keydown", (event) => {
    const field = event.target.closest?.("input:not([type=checkbox], [type=file]), textarea, select");
    if (field || event.altKey || event.isComposing) {
      return;
    }
    if (event.ctrlKey || event.metaKey) {
      if (event.key.toLowerCase() === "z" && !event.shiftKey && undo()) {
        event.preventDefault();
      }
      return;
    }
    if (event.repeat && !event.key.startsWith("Arrow")) {
      return;
    }
    const open = topDialog();
    const handlers = !open ? page : open.id === "view" ? viewer : {};
    const act = handlers[event.key.toLowerCase()];
    if (act && (event.key.length > 1 || plain.value === "on") && act() !== false) {
      event.preventDefault();
    }
  });
}
