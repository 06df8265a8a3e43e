// The selected images, and the bar with the actions for the selected images.

import { announce, button, el } from "./dom.js";
import { copyLinks, linkFormatChooser } from "./links.js";
import * as words from "./words.js";

// Selection shows the bar while at least one card is selected. getCards() returns the
// cards that are shown, in the order of the list. The bar calls onDownload(images) and
// onDelete(images). If the bar has the focus when it is hidden, Selection calls
// onEmpty(card) with the card that was clicked last.
export class Selection {
  #getCards;
  #onEmpty;
  #lastClicked = null; // one end of a range
  #count = el("p", {});
  element;

  constructor({ getCards, onDownload, onDelete, onEmpty }) {
    this.#getCards = getCards;
    this.#onEmpty = onEmpty;
    this.element = el("div", { id: "selection", role: "group", "aria-label": words.selection, hidden: true },
      this.#count,
      el("div", { class: "actions" },
        button(words.copyLinks, () => copyLinks(this.images)),
        linkFormatChooser(),
        button(words.download, () => onDownload(this.images)),
        button(words.remove, () => onDelete(this.images), { kind: "danger" }),
        button(words.unselect, () => this.clear())));
  }

  get images() {
    return this.#getCards().filter((card) => card.selected).map((card) => card.image);
  }

  // clicked handles a click on the checkbox of a card. If range is set, all cards from the
  // last clicked card to this card become selected or not selected, like this card.
  clicked(card, range) {
    const cards = this.#getCards();
    const [from, to] = [cards.indexOf(this.#lastClicked), cards.indexOf(card)].sort((a, b) => a - b);
    const { selected } = card;
    const affected = range && from >= 0 ? cards.slice(from, to + 1) : [card];
    affected.forEach((c) => { c.selected = selected; });
    this.#lastClicked = card;
    this.render();
    announce(words.selected(this.images.length));
  }

  clear() {
    this.#getCards().forEach((card) => { card.selected = false; });
    this.render();
  }

  // render shows the bar, or hides it when nothing is selected.
  render() {
    const n = this.images.length;
    const focused = this.element.contains(document.activeElement);
    this.#count.textContent = words.selected(n);
    this.element.hidden = n === 0;
    if (n === 0 && focused) {
      this.#onEmpty(this.#lastClicked);
    }
  }
}
