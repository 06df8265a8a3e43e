// Many images at once: which are selected, and what can be done with them.

import { announce, button, el } from "./dom.js";
import { copyLinks, formChooser } from "./links.js";
import * as words from "./words.js";

// Selection shows a bar while any card is selected. cards() returns those that
// are to be seen, in their order; download(images) and remove(images) do that,
// and focus(card) goes to a card or near where it was.
export class Selection {
  #cards;
  #last = null; // the card that was clicked last: one end of a range
  #count = el("p", {});
  #focus;
  element;

  constructor({ cards, download, remove, focus }) {
    this.#cards = cards;
    this.#focus = focus;
    this.element = el("div", { id: "selection", role: "group", "aria-label": words.selection, hidden: true },
      this.#count,
      el("div", { class: "actions" },
        button(words.copyLinks, () => copyLinks(this.images)),
        formChooser(),
        button(words.download, () => download(this.images)),
        button(words.remove, () => remove(this.images), { kind: "danger" }),
        button(words.unselect, () => this.clear())));
  }

  get images() {
    return this.#cards().filter((card) => card.picked).map((card) => card.image);
  }

  // pick follows a click on a card's box; with range all between the last one
  // and this become as this is.
  pick(card, range) {
    const cards = this.#cards();
    const [from, to] = [cards.indexOf(this.#last), cards.indexOf(card)].sort((a, b) => a - b);
    const { picked } = card;
    const meant = range && from >= 0 ? cards.slice(from, to + 1) : [card];
    meant.forEach((c) => { c.picked = picked; });
    this.#last = card;
    this.render();
    announce(words.selected(this.images.length));
  }

  clear() {
    this.#cards().forEach((card) => { card.picked = false; });
    this.render();
  }

  // render shows the bar, or hides it when nothing is selected any more.
  render() {
    const n = this.images.length;
    const focused = this.element.contains(document.activeElement);
    this.#count.textContent = words.selected(n);
    this.element.hidden = n === 0;
    if (n === 0 && focused) {
      this.#focus(this.#last);
    }
  }
}
