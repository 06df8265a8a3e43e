// Keeps the position in the list in the page's URL and in the history entry. So a reload,
// Back and a link show the same images again.

import { replaceURL } from "./url.js";

const DELAY = 300; // milliseconds; Safari allows 100 changes of the URL in 30 seconds

// ScrollPosition follows how far the reader scrolls in a RowView.
export class ScrollPosition {
  #view;
  #timer = 0;

  constructor(view) {
    this.#view = view;
    history.scrollRestoration = "manual"; // the browser would restore the position before the images are loaded
    addEventListener("scroll", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#save(), DELAY);
    }, { passive: true });
  }

  // restore scrolls to the entry that was at the top of the window.
  restore(entries) {
    const { top } = history.state ?? {};
    const entry = top && entries.find(({ image }) => image.filename === top);
    if (entry) {
      this.#view.scrollTo(entry);
    }
  }

  #save() {
    const entry = this.#view.firstVisible;
    if (entry) {
      replaceURL({ from: entry.cursor }, { ...history.state, top: scrollY > 0 ? entry.image.filename : undefined });
    }
  }
}
