// Where in the list the window is, kept in the page's URL: a reload, Back and a
// link lead there again.

import { amend } from "./address.js";

const REST = 300; // milliseconds; Safari allows 100 changes of the URL in 30 s

// Place follows the scrolling past the cards of a shelf.
export class Place {
  #shelf;
  #timer = 0;

  constructor(shelf) {
    this.#shelf = shelf;
    history.scrollRestoration = "manual"; // the browser restores before the images are there
    addEventListener("scroll", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#keep(), REST);
    }, { passive: true });
  }

  // restore scrolls to the one of the cards that was at the top of the window.
  restore(cards) {
    const { top } = history.state ?? {};
    const card = top && cards.find((c) => c.image.filename === top);
    if (card) {
      this.#shelf.reveal(card);
    }
  }

  #keep() {
    const { first } = this.#shelf;
    if (first) {
      amend({ from: first.cursor }, { ...history.state, top: scrollY > 0 ? first.image.filename : undefined });
    }
  }
}
