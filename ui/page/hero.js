// The large zone on an empty page. It is the form of index.html.

import { button, el } from "./dom.js";
import { canPaste } from "./intake.js";
import { limitsText, onLimits } from "./limits.js";
import { optionsDisclosure } from "./uploadoptions.js";

// Hero completes the form with the controls that need JavaScript. style.css shows the form
// while the root element has the class "empty" (gallery.js). onPaste adds the images on the clipboard.
export class Hero {
  #form;

  constructor(form, { onPaste }) {
    this.#form = form;
    const limits = el("p", { class: "hint" });
    onLimits(() => { limits.textContent = limitsText(); });
    if (canPaste()) {
      form.querySelector(".inputs").append(button(TEXT.paste, onPaste, { kind: "paste" }));
    }
    form.append(limits, optionsDisclosure());
  }

  // releaseFocus moves the focus to another element if the zone has the focus and is no longer
  // shown.
  releaseFocus(fallback) {
    if (this.#form.contains(document.activeElement) && !this.#form.checkVisibility()) {
      fallback.focus();
    }
  }
}
