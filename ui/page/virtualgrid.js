// A grid that keeps only the cards near the window in the page, because every
// change of the page is slow with thousands of elements. Spacers above and below
// are as high as the cards that are left out.

import { el } from "./dom.js";

const CHUNK = 60; // cards that are added and removed together: full rows of two to six columns
const NEAR = 2; // chunks on either side of the one in the window
const AHEAD = "1500px"; // a spacer nearer to the window than this is filled with cards

// VirtualGrid shows cards. A card has an element, which is made when it is first
// read, and discardElement().
export class VirtualGrid {
  #cards = [];
  #shown = []; // the part of the cards that is in the page
  #list = el("ul", { role: "list" }); // Safari drops the list role where there are no bullets
  #above = spacer();
  #below = spacer();
  #observer = new IntersectionObserver(() => this.#update(), { rootMargin: AHEAD });
  element = el("div", {}, this.#above, this.#list, this.#below);

  constructor() {
    this.#observe();
    addEventListener("resize", () => this.#update());
  }

  // show replaces all cards of the grid.
  show(cards) {
    this.#cards = cards;
    this.#update();
  }

  // scrollTo puts a card at the top of the window.
  scrollTo(card) {
    this.#ensureShown(card);
    card.element.scrollIntoView({ block: "start" });
  }

  // focus moves the focus to a card, wherever it is.
  focus(card) {
    this.#ensureShown(card);
    card.focus();
  }

  // firstVisible is the first card in the window. The cards are in rows from top to
  // bottom, so a binary search finds it.
  get firstVisible() {
    let [low, high] = [0, this.#shown.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#shown[middle].element.getBoundingClientRect().bottom > 0) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return this.#shown[low];
  }

  #ensureShown(card) {
    if (!this.#shown.includes(card)) {
      this.#showAround(this.#cards.indexOf(card));
    }
  }

  // update shows the cards around the window.
  #update() {
    const { columns, rowHeight } = this.#measure();
    const rowsAbove = Math.floor(-this.element.getBoundingClientRect().top / rowHeight);
    this.#showAround(Math.max(0, rowsAbove * columns || 0));
  }

  // showAround shows the cards around the one at this index.
  #showAround(index) {
    const chunk = Math.floor(Math.min(index, this.#cards.length - 1) / CHUNK);
    const from = Math.max(0, chunk - NEAR) * CHUNK;
    const shown = this.#cards.slice(from, Math.max(0, chunk + NEAR + 1) * CHUNK);
    const changed = shown[0] !== this.#shown[0] || shown.at(-1) !== this.#shown.at(-1);
    const staying = new Set(shown);
    this.#shown.filter((card) => !staying.has(card)).forEach((card) => card.discardElement());
    this.#shown = shown;
    this.#place(shown);
    const { columns, rowHeight } = this.#measure();
    const height = (cards) => Math.round(Math.ceil(cards / columns) * rowHeight) || 0;
    this.#above.setAttribute("height", height(from));
    this.#below.setAttribute("height", height(this.#cards.length - from - shown.length));
    if (changed) {
      this.#observe();
    }
  }

  // place puts the elements of the cards into the list. It moves none that is in
  // its place already.
  #place(cards) {
    let next = this.#list.firstElementChild;
    for (const { element } of cards) {
      if (element === next) {
        next = next.nextElementSibling;
      } else {
        this.#list.insertBefore(element, next);
      }
    }
  }

  // measure returns the number of cards in a row, and the height of a row and its
  // gap in pixels.
  #measure() {
    const { gridTemplateColumns, rowGap } = getComputedStyle(this.#list);
    const columns = gridTemplateColumns.split(" ").length;
    const rowHeight = (this.#list.offsetHeight + parseFloat(rowGap)) / Math.ceil(this.#shown.length / columns);
    return { columns, rowHeight };
  }

  // observe makes the observer report again whether a spacer is near.
  #observe() {
    for (const element of [this.#above, this.#below]) {
      this.#observer.unobserve(element);
      this.#observer.observe(element);
    }
  }
}

// spacer makes an element that is as high as its height attribute. It is a canvas
// because the page's policy forbids style attributes.
function spacer() {
  return el("canvas", { class: "spacer", width: 1, height: 0, "aria-hidden": "true" });
}
