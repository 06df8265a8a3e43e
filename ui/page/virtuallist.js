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
  #shown = []; // the items whose rows are in the page
  #above = 0; // the total height of the items above them, in pixels
  #observer = new ResizeObserver(() => this.#resized()); // of the box and of the rows
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
    this.#update();
  }

  // resized is called before the browser paints the new sizes. It moves the rows at once, so that
  // they never overlap. But it may not change the size of the box or add a row: browsers report
  // that as an error, because it could go on forever.
  #resized() {
    this.#place();
    requestAnimationFrame(() => this.#update());
  }

  #update() {
    const { from, to, above, below } = this.#range();
    this.#shown = this.#items.slice(from, to);
    this.#above = above;
    const staying = new Set(this.#shown);
    const hadFocus = this.#list.contains(document.activeElement);
    for (const [item, row] of this.#rows) {
      if (!staying.has(item)) {
        this.#observer.unobserve(row.element);
        row.release();
        this.#rows.delete(item);
      }
    }
    this.#rows.forEach((row) => row.render()); // a new row next to them shows the state of now, too
    const elements = this.#shown.map((item, i) => {
      const row = this.#rows.get(item) ?? this.#makeRow(item);
      if (!this.#rows.has(item)) {
        this.#rows.set(item, row);
        this.#observer.observe(row.element);
      }
      row.element.setAttribute("aria-setsize", this.#items.length);
      row.element.setAttribute("aria-posinset", from + i + 1);
      return row.element;
    });
    patch(this.#list, elements);
    this.#list.style.height = `${this.#place() + below}px`;
    if (hadFocus && document.activeElement === document.body) {
      this.element.focus({ preventScroll: true });
    }
  }

  // place moves each row below the row before it, and returns the lower end of the last row. The
  // browser does not count a row that moves by a transformation as a layout shift.
  #place() {
    const rows = this.#shown.map((item) => this.#rows.get(item).element);
    const heights = rows.map((row) => row.offsetHeight || ESTIMATE);
    return rows.reduce((y, row, i) => {
      this.#heights.set(this.#shown[i], heights[i]);
      row.style.transform = `translateY(${y}px)`;
      return y + heights[i];
    }, this.#above);
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
