// A list in a box that scrolls. Only the rows that people can see, and some rows above and below
// them, are in the page, because every change of a page with thousands of elements is slow.

import { el, patch } from "./dom.js";

const ESTIMATE = 60; // pixels; the assumed height of a row that was not in the page yet
const MARGIN = 240; // pixels above and below the box in which rows are in the page, too

// VirtualList shows items. makeRow(item) makes the row of an item, with the property
// element and the methods render() and release(). VirtualList calls release() when it
// removes the row.
export class VirtualList {
  #items = [];
  #rows = new Map(); // item → its row in the page
  #heights = new WeakMap(); // item → height of its row in pixels
  #makeRow;
  #observer = new ResizeObserver(() => this.#update()); // of the box and of the rows
  #list = el("ul", { role: "list" }); // without this, a list without bullets is not a list for screen readers in Safari
  element;

  constructor(makeRow, attributes) {
    this.#makeRow = makeRow;
    this.element = el("div", { ...attributes, onscroll: () => this.#update() }, this.#list);
    this.#observer.observe(this.element);
  }

  // show replaces the items and renders the rows in the page.
  show(items) {
    this.#items = items;
    this.#rows.forEach((row) => row.render());
    this.#update();
  }

  #update() {
    const { from, to, above, below } = this.#range();
    const shown = this.#items.slice(from, to);
    const staying = new Set(shown);
    const hadFocus = this.#list.contains(document.activeElement);
    for (const [item, row] of this.#rows) {
      if (!staying.has(item)) {
        this.#observer.unobserve(row.element);
        row.release();
        this.#rows.delete(item);
      }
    }
    for (const item of shown.filter((i) => !this.#rows.has(i))) {
      const row = this.#makeRow(item);
      this.#rows.set(item, row);
      this.#observer.observe(row.element);
    }
    const elements = shown.map((item) => this.#rows.get(item).element);
    patch(this.#list, elements);
    shown.forEach((item, i) => this.#heights.set(item, elements[i].offsetHeight || ESTIMATE));
    // The browser does not count a row that moves by a transformation as a layout shift.
    let y = above;
    elements.forEach((element, i) => {
      element.style.transform = `translateY(${y}px)`;
      element.setAttribute("aria-setsize", this.#items.length);
      element.setAttribute("aria-posinset", from + i + 1);
      y += this.#heights.get(shown[i]);
    });
    this.#list.style.height = `${y + below}px`;
    if (hadFocus && document.activeElement === document.body) {
      this.element.focus({ preventScroll: true });
    }
  }

  // range returns which items are near the box, and the total heights of the items above and
  // below them.
  #range() {
    const top = this.element.scrollTop - MARGIN;
    const bottom = this.element.scrollTop + this.element.clientHeight + MARGIN;
    let [from, to, above, below, y] = [0, 0, 0, 0, 0];
    this.#items.forEach((item, i) => {
      const height = this.#heights.get(item) ?? ESTIMATE;
      if (y + height < top) {
        [from, to, above] = [i + 1, i + 1, y + height];
      } else if (y <= bottom) {
        to = i + 1;
      } else {
        below += height;
      }
      y += height;
    });
    return { from, to, above, below };
  }
}
