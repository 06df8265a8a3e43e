// A long grid of cards of which the page holds only those around the window:
// with thousands of them every change would be slow. Space stands for the rest.

import { el } from "./dom.js";

const CHUNK = 60; // cards that come and go together: full rows of two to six
const NEAR = 2; // chunks on either side of the one in the window
const AHEAD = "1500px"; // how near to the window space becomes cards

// Shelf shows cards: objects with an element, made when it is asked for, and
// fold(), which takes it away.
export class Shelf {
  #cards = [];
  #shown = []; // those in the page, a part of the cards
  #list = el("ul", { role: "list" }); // Safari forgets that on a list without bullets
  #above = space();
  #below = space();
  #sight = new IntersectionObserver(() => this.#settle(), { rootMargin: AHEAD });
  element = el("div", { class: "shelf" }, this.#above, this.#list, this.#below);

  constructor() {
    this.#look();
    addEventListener("resize", () => this.#settle());
  }

  // show shows these cards and no others.
  show(cards) {
    this.#cards = cards;
    this.#settle();
  }

  // reveal scrolls to a card.
  reveal(card) {
    this.#reach(card);
    card.element.scrollIntoView({ block: "start" });
  }

  // focus goes to a card, wherever it is.
  focus(card) {
    this.#reach(card);
    card.focus();
  }

  // first returns the first card that can be seen. They stand in rows, so it
  // can be looked for in steps of half.
  get first() {
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

  #reach(card) {
    if (!this.#shown.includes(card)) {
      this.#put(this.#cards.indexOf(card));
    }
  }

  // settle shows the cards around the window.
  #settle() {
    const { columns, pitch } = this.#measure();
    const rows = Math.floor(-this.element.getBoundingClientRect().top / pitch);
    this.#put(Math.max(0, rows * columns || 0));
  }

  // put shows the cards around one of them.
  #put(at) {
    const chunk = Math.floor(Math.min(at, this.#cards.length - 1) / CHUNK);
    const from = Math.max(0, chunk - NEAR) * CHUNK;
    const shown = this.#cards.slice(from, Math.max(0, chunk + NEAR + 1) * CHUNK);
    const moved = shown[0] !== this.#shown[0] || shown.at(-1) !== this.#shown.at(-1);
    const stays = new Set(shown);
    this.#shown.filter((card) => !stays.has(card)).forEach((card) => card.fold());
    this.#shown = shown;
    let place = this.#list.firstElementChild;
    for (const { element } of shown) {
      if (element === place) {
        place = place.nextElementSibling;
      } else {
        this.#list.insertBefore(element, place);
      }
    }
    const { columns, pitch } = this.#measure();
    const height = (cards) => Math.round(Math.ceil(cards / columns) * pitch) || 0;
    this.#above.setAttribute("height", height(from));
    this.#below.setAttribute("height", height(this.#cards.length - from - shown.length));
    if (moved) {
      this.#look();
    }
  }

  // measure returns how many cards stand in a row, and how far it is from one
  // row to the next, in pixels.
  #measure() {
    const { gridTemplateColumns, rowGap } = getComputedStyle(this.#list);
    const columns = gridTemplateColumns.split(" ").length;
    const pitch = (this.#list.offsetHeight + parseFloat(rowGap)) / Math.ceil(this.#shown.length / columns);
    return { columns, pitch };
  }

  // look has the observer tell anew whether space is near.
  #look() {
    for (const element of [this.#above, this.#below]) {
      this.#sight.unobserve(element);
      this.#sight.observe(element);
    }
  }
}

// space is as high as its attribute says: the policy of the page forbids
// attributes with style.
function space() {
  return el("canvas", { class: "space", width: 1, height: 0, "aria-hidden": "true" });
}
