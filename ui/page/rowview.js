// Shows entries in rows. Only the rows near the window are in the page, because every change
// of a page with thousands of elements is slow.

import { el, onResize, patch } from "./dom.js";
import { layOut } from "./rowlayout.js";
import { lowest } from "./slices.js";

const AHEAD = 0.75; // rows this far above and below the window are in the page, too, as a part of the height of the window
const FRAME = 12; // how many cards outside the window one frame makes, so that a jump is not one long task
const MOVING = 300; // milliseconds; longer than the animation of moving cards (gallery.css)

// RowView shows entries. Its callbacks are:
// - makeCard(entry, box) returns a Card;
// - updateCard(card, index) shows the state of a card;
// - makeHeading(day) returns the element with the heading of a day;
// - updateHeading(element, day) shows the state of a heading.
// show must be called before the other methods.
export class RowView {
  element = el("div", { class: "pictures" });
  #callbacks;
  #entries = [];
  #options = {};
  #layout = { days: [], rows: [], height: 0 };
  #cards = new Map(); // entry → Card, for the entries in the page
  #sections = new Map(); // start of the day → { section, heading, list }
  #indexes = null; // entry → index, made when it is needed
  #current = null; // the entry that is the tab stop
  #breakAt = null; // an entry that must begin a row, so that new entries before it do not move it in its row
  #frame = 0;
  #movingTimer = 0;
  #shownRows = ""; // the rows in the page, to find out whether they change

  constructor(callbacks) {
    this.#callbacks = callbacks;
    addEventListener("scroll", () => this.#scheduleUpdate(), { passive: true });
    onResize(this.element, () => this.#resized());
    addEventListener("resize", () => this.#scheduleUpdate());
    this.element.addEventListener("focusin", (event) => {
      const card = [...this.#cards.values()].find((c) => c.element.contains(event.target));
      if (card) {
        this.#setCurrent(card.entry);
      }
    });
  }

  // show replaces all entries. options are those of layOut without width and breakAt. The entry
  // under the pointer, or the entry with the focus, or the entry at the top of the window stays
  // in its place.
  show(entries, options) {
    const before = this.#entries;
    if (entries.length === before.length && entries.every((entry, i) => entry === before[i]) &&
      (entries.length === 0 || Object.keys(options).every((name) => options[name] === this.#options[name]))) {
      return;
    }
    const anchors = this.#anchors();
    const restyled = ["kind", "heading", "target", "columns"].some((name) => options[name] !== this.#options[name]);
    this.#entries = [...entries];
    this.#indexes = null;
    this.#options = options;
    const anchor = anchors.find(({ entry }) => this.indexOf(entry) >= 0);
    if (restyled) {
      this.#breakAt = null;
      this.#discardAll();
    } else if (anchor && this.indexOf(anchor.entry) > before.indexOf(anchor.entry)) {
      const start = before[anchor.row.from];
      this.#breakAt = this.indexOf(start) >= 0 ? start : null;
    } else if (!anchor) {
      this.#breakAt = null;
    }
    this.#layOut();
    const moved = anchor ? (this.#rowOf(this.indexOf(anchor.entry))?.top ?? anchor.row.top) - anchor.row.top : 0;
    this.#moveSmoothly(before.length > 0 && !restyled && moved === 0); // the page scrolls at once, so the cards must move at once, too
    this.#scrollBy(moved);
    this.#update();
  }

  // refresh shows the state of all cards and headings in the page.
  refresh() {
    for (const card of this.#cards.values()) {
      this.#callbacks.updateCard(card, this.indexOf(card.entry));
    }
    for (const { heading, day } of this.#sections.values()) {
      if (heading) {
        this.#callbacks.updateHeading(heading, day);
      }
    }
  }

  indexOf(entry) {
    this.#indexes ??= new Map(this.#entries.map((e, i) => [e, i]));
    return this.#indexes.get(entry) ?? -1;
  }

  // current is the entry that Tab reaches, or null.
  get current() {
    return this.#current;
  }

  get focused() {
    return [...this.#cards.values()].find((card) => card.element.contains(document.activeElement))?.entry;
  }

  // cardOf returns the card of an entry in the page.
  cardOf(entry) {
    return this.#cards.get(entry);
  }

  // scrollTo puts the row of an entry at the top of the window.
  scrollTo(entry) {
    const row = this.#rowOf(this.indexOf(entry));
    if (row) {
      this.#scrollBy(this.#topInWindow(row) - this.#covered());
      this.#update();
    }
  }

  // focus moves the focus to an entry, and scrolls as far as necessary. If the row of the entry
  // is left out (layOut), the last entry before it gets the focus.
  focus(wanted) {
    const row = this.#rowOf(this.indexOf(wanted)) ?? this.#layout.rows.at(-1);
    if (!row) {
      return;
    }
    const entry = this.#entries[Math.min(this.indexOf(wanted), row.to - 1)];
    this.#setCurrent(entry);
    const top = this.#topInWindow(row);
    const bottomEdge = innerHeight - parseFloat(getComputedStyle(document.documentElement).scrollPaddingBottom || 0);
    if (top < this.#covered()) {
      this.#scrollBy(top - this.#covered());
    } else if (top + row.height > bottomEdge) {
      this.#scrollBy(Math.min(top - this.#covered(), top + row.height - bottomEdge));
    }
    this.#update(row);
    this.#cards.get(entry)?.focus();
  }

  // firstVisible is the first entry in the window.
  get firstVisible() {
    const row = this.#firstVisibleRow();
    return row && this.#entries[row.from];
  }

  // neighbour returns the entry that is this number of rows above or below an entry.
  neighbour(entry, rows) {
    const at = this.indexOf(entry);
    const number = this.#rowNumber(at);
    const row = this.#layout.rows[number];
    const other = this.#layout.rows[Math.max(0, Math.min(this.#layout.rows.length - 1, number + rows))];
    if (!row || other === row) {
      return entry;
    }
    const centre = row.lefts[at - row.from] + row.widths[at - row.from] / 2;
    const distance = (i) => Math.abs(other.lefts[i] + other.widths[i] / 2 - centre);
    const best = other.lefts.reduce((nearest, _, i) => (distance(i) < distance(nearest) ? i : nearest), 0);
    return this.#entries[other.from + best];
  }

  // pageOfRows is the number of rows that fit in the window.
  get pageOfRows() {
    const height = this.#options.target || this.#layout.rows[0].height;
    return Math.max(1, Math.floor((innerHeight - this.#covered()) / (height + this.#options.gap)));
  }

  #layOut() {
    const width = this.element.clientWidth;
    this.#layout = { ...layOut(this.#entries, { ...this.#options, width, breakAt: this.#breakAt }), width };
    this.#shownRows = "";
    this.element.style.height = `${this.#layout.height}px`;
  }

  // resized lays out the rows again when the width has changed.
  #resized() {
    if (this.element.clientWidth !== this.#layout.width) {
      const first = scrollY > 0 && this.firstVisible;
      this.#breakAt = null;
      this.#layOut();
      if (first) {
        this.scrollTo(first);
      }
      this.#update();
    }
  }

  #scheduleUpdate() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#update();
    });
  }

  // update puts the rows near the window and the row with the focus into the page. It first
  // reads where the rows are, and then changes the page. In the other order, the browser would
  // lay out the new cards twice. A picture has a low priority if its card is made when it is out
  // of sight or in the lower half of the window.
  #update(extraRow) {
    const { rows } = this.#layout;
    const first = this.firstVisible;
    const { top } = this.element.getBoundingClientRect();
    const margin = AHEAD * innerHeight;
    const from = this.#firstRowBelow(-top - margin);
    let to = from;
    while (to < rows.length && rows[to].top < innerHeight - top + margin) {
      to++;
    }
    const focusedRow = extraRow ?? (this.focused && this.#rowOf(this.indexOf(this.focused)));
    let made = 0;
    const near = rows.slice(from, to).filter((row) => {
      const inSight = row.top < innerHeight - top && row.top + row.height > -top;
      row.late = !inSight || row.top > innerHeight / 2 - top;
      if (inSight || this.#cards.has(this.#entries[row.from])) {
        return true;
      }
      const early = made < FRAME;
      made += row.to - row.from;
      return early;
    });
    if (near.length < to - from) {
      this.#scheduleUpdate();
    }
    const shown = `${from} ${to} ${near.length} ${focusedRow?.from}`;
    if (shown === this.#shownRows) {
      return;
    }
    this.#shownRows = shown;
    if (focusedRow && !near.includes(focusedRow)) {
      near.push(focusedRow);
      near.sort((a, b) => a.top - b.top);
    }
    this.#render(near, first);
  }

  // render shows these rows. first is the first entry in the window.
  #render(rows, first) {
    const cards = new Map();
    const days = new Map(); // day → elements of its cards
    for (const row of rows) {
      const elements = days.get(row.day) ?? [];
      days.set(row.day, elements);
      for (let i = row.from; i < row.to; i++) {
        const card = this.#card(i, row);
        cards.set(card.entry, card);
        elements.push(card.element);
      }
    }
    for (const [entry, card] of this.#cards) {
      if (!cards.has(entry)) {
        card.discard();
      }
    }
    this.#cards = cards;
    const sections = new Map();
    for (const [day, elements] of days) {
      const section = this.#section(day);
      sections.set(day.day, section);
      patch(section.list, elements);
    }
    this.#sections = sections;
    patch(this.element, [...sections.values()].map(({ element }) => element));
    if (!this.#cards.has(this.#current)) {
      this.#current = null;
      this.#setCurrent(this.#cards.has(first) ? first : this.#entries[rows[0]?.from]);
    }
  }

  #card(index, row) {
    const entry = this.#entries[index];
    const width = row.widths[index - row.from];
    const fromStart = row.lefts[index - row.from];
    const left = document.dir === "rtl" ? this.#layout.width - fromStart - width : fromStart;
    const { heading, kind } = this.#options;
    const facts = kind === "lines";
    const picture = { width: facts ? row.height : width, height: row.height, late: row.late };
    const box = { left, top: row.top - row.day.top - heading, width, height: row.height, picture, facts };
    const card = this.#cards.get(entry) ?? this.#callbacks.makeCard(entry, box);
    card.place(box);
    card.tabStop = entry === this.#current;
    this.#callbacks.updateCard(card, index);
    return card;
  }

  #section(day) {
    const name = day.day;
    let section = this.#sections.get(name);
    if (!section) {
      const heading = this.#options.heading > 0 && this.#callbacks.makeHeading(day);
      const list = el("ul", { role: "list" }); // without this, a list without bullets is not a list for screen readers in Safari
      section = { element: el("section", {}, heading, list), heading, list };
    }
    section.day = day;
    section.element.style.top = `${day.top}px`;
    section.element.style.height = `${day.height}px`;
    if (section.heading) {
      this.#callbacks.updateHeading(section.heading, day);
    }
    return section;
  }

  #discardAll() {
    this.#cards.forEach((card) => card.discard());
    this.#cards = new Map();
    this.#sections = new Map();
    this.element.replaceChildren();
  }

  #setCurrent(entry) {
    const [old, card] = [this.#cards.get(this.#current), this.#cards.get(entry)];
    if (old) {
      old.tabStop = false;
    }
    if (card) {
      card.tabStop = true;
    }
    this.#current = entry ?? null;
  }

  // anchors returns the entries that must stay in their place, the most important first. At the
  // top of the page, the first row may move, so that people see new images.
  #anchors() {
    const hovered = [...this.#cards.values()].find((card) => card.element.matches(":hover"))?.entry;
    const first = this.element.getBoundingClientRect().top < headerHeight() ? this.firstVisible : null;
    return [hovered, this.focused, first].filter(Boolean)
      .map((entry) => ({ entry, row: this.#rowOf(this.indexOf(entry)) }))
      .filter(({ row }) => row && this.#topInWindow(row) < innerHeight && this.#topInWindow(row) + row.height > 0);
  }

  // moveSmoothly turns on the animation of cards that get another place, and turns it off after
  // a short time. Otherwise cards would also be animated while the reader scrolls.
  #moveSmoothly(smoothly) {
    clearTimeout(this.#movingTimer);
    this.element.classList.toggle("moving", smoothly);
    this.#movingTimer = setTimeout(() => this.element.classList.remove("moving"), MOVING);
  }

  #scrollBy(pixels) {
    if (pixels !== 0) {
      scrollBy({ top: pixels, behavior: "instant" });
    }
  }

  // covered is the height of the header and of the heading of a day, which cover the top of
  // the window.
  #covered() {
    return headerHeight() + (this.#options.heading ?? 0);
  }

  #topInWindow(row) {
    return this.element.getBoundingClientRect().top + row.top;
  }

  #rowOf(index) {
    return index < 0 ? undefined : this.#layout.rows[this.#rowNumber(index)];
  }

  #rowNumber(index) {
    const { rows } = this.#layout;
    return lowest(rows.length, (i) => rows[i].to > index);
  }

  #firstRowBelow(y) {
    const { rows } = this.#layout;
    return lowest(rows.length, (i) => rows[i].top + rows[i].height > y);
  }

  #firstVisibleRow() {
    const at = this.#firstRowBelow(this.#covered() - this.element.getBoundingClientRect().top);
    return this.#layout.rows[at];
  }
}

// headerHeight is how much of the window the header covers, in pixels (base.css).
function headerHeight() {
  return parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop);
}
