// The actions of keys. The reader can switch off keys without Ctrl, because people who
// dictate to the computer can type them by accident (WCAG 2.2, 2.1.4).

import { topDialog } from "./dom.js";
import { Setting } from "./setting.js";

export const singleKeys = new Setting("keys", ["on", "off"]);

// handleKeys calls page[key] for a key that is pressed outside of input fields, or
// viewer[key] while the viewer is the top dialog. If the function returns false, the
// browser handles the key. handleKeys calls undo() for Ctrl+Z. undo returns false if there
// is nothing to undo. If the reader holds down a key, only arrow keys repeat. Otherwise
// Delete would delete image after image.
export function handleKeys({ viewer, page, undo }) {
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
    const dialog = topDialog();
    const handlers = document.querySelector(".share:popover-open") ? {} : !dialog ? page : dialog.id === "view" ? viewer : {};
    const handler = handlers[event.key.toLowerCase()];
    if (handler && (event.key.length > 1 || singleKeys.value === "on") && handler() !== false) {
      event.preventDefault();
    }
  });
}
