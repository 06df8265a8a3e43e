// Keeps the position in the list in the page's URL and in the history entry. So a reload,
// Back and a link show the same images again.

import { replaceURL } from "./url.js";

const DELAY = 300; // milliseconds; Safari allows 100 changes of the URL in 30 seconds

// ScrollPosition follows how far the reader scrolls in a VirtualGrid.
export class ScrollPosition {
  #grid;
  #timer = 0;

  constructor(grid) {
    this.#grid = grid;
    history.scrollRestoration = "manual"; // the browser would restore the position before the images are loaded
    addEventListener("scroll", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#save(), DELAY);
    }, { passive: true });
  }

  // restore scrolls to the card that was at the top of the window.
  restore(cards) {
    const { top } = history.state ?? {};
    const card = top && cards.find((c) => c.image.filename === top);
    if (card) {
      this.#grid.scrollTo(card);
    }
  }

  #save() {
    const card = this.#grid.firstVisible;
    if (card) {
      replaceURL({ from: card.cursor }, { ...history.state, top: scrollY > 0 ? card.image.filename : undefined });
    }
  }
}
