// The menu of one image, for people without a mouse.

import { button, el, ignoreDoubleClick } from "./dom.js";
import { share } from "./share.js";

// CardMenu opens beside the button of a card. Its callbacks are copy(entry),
// onSelect(entry) and onDelete(image).
export class CardMenu {
  #entry = null;
  #control = null; // the button of the card
  #element;

  constructor({ copy, onSelect, onDelete }) {
    const item = (text, action, kind) => button(text, ignoreDoubleClick(() => {
      this.#element.hidePopover();
      action(this.#entry);
    }), { kind });
    this.#element = el("div", { id: "card-menu", class: "menu", popover: "auto", role: "group", "aria-label": TEXT.actions },
      item(TEXT.copyLink, copy),
      item(TEXT.share, ({ image }) => share([image], this.#control)),
      item(TEXT.selectOne, onSelect),
      item(TEXT.remove, (entry) => onDelete(entry.image), "danger"));
    document.body.append(this.#element);
  }

  // open shows the menu beside the button. It stays inside the window.
  open(entry, control) {
    this.#entry = entry;
    this.#control = control;
    this.#element.showPopover({ source: control });
    const { left, right, top, bottom } = control.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.#element;
    const { style } = this.#element;
    style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8, right - width))}px`;
    style.top = `${bottom + height < innerHeight ? bottom : Math.max(8, top - height)}px`;
    this.#element.querySelector("button").focus();
  }
}
