// A grid that keeps only the cards near the window in the page, because every change of a
// page with thousands of elements is slow. An empty element above these cards, and one
// below, are as high as the cards that are not in the page. They are called spacers.

import { el } from "./dom.js";

const CHUNK = 60; // number of cards that are added and removed together; with 2 to 6 columns, all rows are full
const NEAR = 2; // number of chunks before, and after, the chunk in the window
const AHEAD = "1500px"; // if a spacer is nearer to the window than this, cards replace it

// VirtualGrid shows cards. A card has a property element and a method discardElement().
// The first read of element makes the element.
export class VirtualGrid {
  #cards = [];
  #shown = []; // the part of the cards that is in the page
  #list = el("ul", { role: "list" }); // in Safari, a list without bullets otherwise loses its role
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

  // focus moves the focus to a card, even if the card is not in the page yet.
  focus(card) {
    this.#ensureShown(card);
    card.focus();
  }

  // firstVisible is the first card in the window. The cards are in rows from top to
  // bottom, so a binary search finds the card.
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

  // showAround shows the cards around the card at this index.
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

  // place puts the elements of the cards into the list. It does not move an element that
  // is already in its place.
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

  // measure returns the number of cards in a row, and the height of a row in pixels. The
  // height includes the gap below the row.
  #measure() {
    const { gridTemplateColumns, rowGap } = getComputedStyle(this.#list);
    const columns = gridTemplateColumns.split(" ").length;
    const rowHeight = (this.#list.offsetHeight + parseFloat(rowGap)) / Math.ceil(this.#shown.length / columns);
    return { columns, rowHeight };
  }

  // observe makes the observer report again whether a spacer is near the window.
  #observe() {
    for (const element of [this.#above, this.#below]) {
      this.#observer.unobserve(element);
      this.#observer.observe(element);
    }
  }
}

// spacer makes an element that is as high as its height attribute. The element is a
// canvas, because the page's policy forbids style attributes.
function spacer() {
  return el("canvas", { class: "spacer", width: 1, height: 0, "aria-hidden": "true" });
}
