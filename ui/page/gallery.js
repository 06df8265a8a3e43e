// The images on the server: looked for, sorted, and loaded a page at a time.

import { address, amend } from "./address.js";
import * as api from "./api.js";
import { Card } from "./card.js";
import { announce, button, chooser, el } from "./dom.js";
import { known } from "./limits.js";
import { formChooser } from "./links.js";
import { Place } from "./place.js";
import { Shelf } from "./shelf.js";
import * as words from "./words.js";

const EAGER = 8; // pictures that most screens show at once
const TYPING = 250; // milliseconds without a key before a search begins
const AHEAD = "1200px"; // how far below the window the next page is loaded

// What the server calls the orders.
const orders = {
  newest: {},
  oldest: { order: "asc" },
  name: { sort: "name" },
  "name-desc": { sort: "name", order: "desc" },
  largest: { sort: "size" },
  smallest: { sort: "size", order: "asc" },
};

// Gallery fills the section. does has what its cards do, see Card,
// hides(filename), which says of an image that it is not to be seen now, and
// changed(), called when there may be other images than before.
export class Gallery {
  #does;
  #title = el("h2", { id: "gallery-title", tabindex: -1 }, words.gallery);
  #search;
  #sort;
  #first = button(words.fromStart, () => this.#restart(), { kind: "first" });
  #cards = []; // in their order
  #former = new Set(); // those of the list before, which stay until this one comes
  #shelf = new Shelf();
  #place = new Place(this.#shelf);
  #note = el("p", { tabindex: -1 });
  #moreLabel = el("span");
  #more = button(this.#moreLabel, () => this.#goOn());
  #adds = false; // whether it is about to render what was added
  #goesOn = false; // whether the reader waits for more
  #start; // cursor of the first page shown, empty for the first of all
  #next; // cursor of the page to load; undefined before the first, empty after the last
  #loading = null; // the AbortController of the page under way
  #busy = ""; // what that waits for
  #error = "";
  #sight = new IntersectionObserver((entries) => {
    if (entries.at(-1).isIntersecting && !this.#error) {
      this.load();
    }
  }, { rootMargin: AHEAD });

  constructor(section, does) {
    this.#does = does;
    const { q, sort, from = "" } = address();
    this.#start = this.#next = from;
    this.#search = el("input", {
      id: "search", type: "search", value: q, placeholder: words.search, "aria-label": words.search,
      autocomplete: "off", spellcheck: "false", maxlength: 255,
      oninput: later(TYPING, () => this.#begin()),
    });
    this.#sort = chooser(words.sort, words.orders, sort, () => this.#begin());
    section.append(
      el("div", { class: "heading" }, this.#title, el("div", { class: "tools" }, this.#search, this.#sort, formChooser())),
      this.#first, this.#shelf.element, this.#note, this.#more);
    addEventListener("popstate", () => this.#follow());
  }

  // cards returns those that are to be seen, in their order.
  get cards() {
    return this.#cards.filter((card) => !card.hidden);
  }

  // load shows the next page of images. It resolves with whether it does, when
  // that is known.
  async load() {
    if (this.#loading) {
      return false;
    }
    const loading = this.#loading = new AbortController();
    const cursor = this.#next ?? "";
    this.#error = "";
    this.#wait(words.loading);
    let page = { images: [], next: cursor };
    try {
      const listed = api.list({ ...this.#query, cursor }, { locked: () => this.#wait(words.locked) }, loading.signal);
      [page] = await Promise.all([listed, known()]); // cards must know which pictures are too large
    } catch (error) {
      if (loading.signal.aborted) {
        return false;
      }
      if (error.status === 400 && cursor) {
        this.#begin(); // the place in the URL is one of another list
        return false;
      }
      this.#error = error.message;
    }
    if (loading.signal.aborted) {
      return false; // another search has begun
    }
    this.#loading = null;
    this.#append(page, cursor);
    return !this.#error;
  }

  // add shows an image that was just uploaded before all others, if it is one
  // of those looked for.
  add(image) {
    const old = this.#card(image.filename);
    if (old && old.image.sha256 === image.sha256) {
      return; // there already
    }
    this.#drop(old);
    if (!this.#start && image.filename.toLowerCase().includes(this.#query.search.toLowerCase())) {
      this.#cards.unshift(new Card(image, "", this.#does, { eager: true }));
    }
    if (!this.#adds) {
      this.#adds = true; // many may come at a time
      queueMicrotask(() => {
        this.#adds = false;
        this.#render();
      });
    }
  }

  // replace shows what an image has become.
  replace(image, became) {
    const old = this.#card(image.filename);
    if (image.filename !== became.filename) {
      this.#drop(this.#card(became.filename)); // the same bytes: they are one now
    }
    if (old) {
      const card = new Card(became, old.cursor, this.#does);
      card.picked = old.picked;
      this.#cards[this.#cards.indexOf(old)] = card;
    }
    this.#render();
  }

  // hide takes images out of sight, which are selected no more, and show brings
  // them back where they were. Focus goes to a neighbour of the card that goes.
  hide(images) {
    const cards = this.#cardsOf(images);
    const focused = cards.find((card) => card.focused);
    cards.forEach((card) => {
      card.hidden = true;
      card.picked = false;
    });
    this.#render();
    if (focused) {
      this.focus(focused);
    }
  }

  show(images) {
    this.#cardsOf(images).forEach((card) => { card.hidden = false; });
    this.#render();
  }

  // forget drops an image that is no more.
  forget(image) {
    this.#drop(this.#card(image.filename));
    this.#render();
  }

  // search goes to the field; what is typed takes the place of what is there.
  search() {
    this.#search.focus();
    this.#search.select();
  }

  // focus goes to a card or, when that is not to be seen, to its neighbour.
  focus(card) {
    const at = this.#cards.indexOf(card);
    const seen = (c) => !c.hidden;
    const near = at >= 0 && (this.#cards.slice(at).find(seen) ?? this.#cards.slice(0, at).findLast(seen));
    if (near) {
      this.#shelf.focus(near);
    } else {
      this.#title.focus();
    }
  }

  // focusOn is focus for an image, of which there may be no card.
  focusOn(image) {
    this.focus(this.#card(image.filename));
  }

  // beside returns the image that many places after the given one, or
  // undefined. Near the end it has more of them loaded.
  beside(image, step) {
    const { cards } = this;
    const at = cards.findIndex((card) => card.image.filename === image.filename);
    if (at + step > cards.length - 3 && this.#next && !this.#error) {
      this.load();
    }
    return at < 0 ? undefined : cards[at + step]?.image;
  }

  // begin shows the list anew, from its start.
  async #begin() {
    this.#loading?.abort();
    this.#loading = null;
    this.#start = "";
    this.#next = undefined;
    this.#former = new Set(this.#cards);
    this.#does.pick();
    const { value } = this.#sort;
    amend({ q: this.#query.search, sort: value === "newest" ? "" : value, from: "" }, { ...history.state, top: undefined });
    if (await this.load()) {
      announce(this.#note.textContent || words.found(this.cards.length, this.#next));
    }
  }

  #restart() {
    this.#title.focus();
    this.#begin();
  }

  // follow shows the list that the URL speaks of.
  #follow() {
    const { q = "", sort = "newest" } = address();
    if (q !== this.#query.search || sort !== this.#sort.value) {
      this.#search.value = q;
      this.#sort.value = sort;
      this.#begin();
    }
  }

  // goOn loads more for who pressed the button and goes on at the first of it.
  #goOn() {
    this.#goesOn = true;
    this.load();
    this.#note.focus({ preventScroll: true });
  }

  get #query() {
    return { search: this.#search.value.trim(), ...orders[this.#sort.value] };
  }

  #card(filename) {
    return this.#cards.find((card) => card.image.filename === filename);
  }

  #cardsOf(images) {
    return images.map((image) => this.#card(image.filename)).filter(Boolean);
  }

  #drop(card) {
    if (card) {
      this.#cards.splice(this.#cards.indexOf(card), 1);
    }
  }

  // append shows a page of the list, which came with this cursor.
  #append({ images, next }, cursor) {
    this.#cards = this.#cards.filter((card) => !this.#former.has(card));
    this.#former.clear();
    const first = this.#next === undefined || this.#cards.length === 0;
    const known = new Set(this.#cards.map((card) => card.image.filename));
    const cards = images.filter((image) => !known.has(image.filename))
      .map((image, i) => new Card(image, cursor, this.#does, { eager: known.size + i < EAGER }));
    cards.forEach((card) => { card.hidden = this.#does.hides(card.image.filename); });
    this.#cards.push(...cards);
    this.#next = next ?? "";
    this.#wait("");
    if (first) {
      this.#place.restore(this.cards);
    }
    if (this.#error) {
      announce(this.#error);
    }
    if (this.#goesOn) {
      this.#goesOn = false;
      if (this.#error) {
        this.#more.focus();
      } else {
        announce(words.listed(cards.length));
        this.focus(cards[0]);
      }
    }
    this.#sight.unobserve(this.#more);
    this.#sight.observe(this.#more); // tells anew whether it is near
  }

  #wait(busy) {
    this.#busy = busy;
    this.#render();
  }

  // render shows the cards and says what is not there: images still loading,
  // not to be had, or none.
  #render() {
    const { cards } = this;
    this.#shelf.show(cards);
    const { search } = this.#query;
    const none = cards.length === 0 && this.#next === "";
    this.#note.textContent = this.#error || this.#busy || (none ? (search ? words.noMatch(search) : words.empty) : "");
    this.#note.className = this.#error ? "error" : "hint";
    this.#moreLabel.textContent = this.#error ? words.retry : words.more;
    this.#more.hidden = Boolean(this.#loading) || !(this.#error || this.#next);
    this.#first.hidden = !this.#start || cards.length === 0;
    this.#does.changed();
  }
}

// later returns a function that calls f when it has not been called again for
// so many milliseconds.
function later(milliseconds, f) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(f, milliseconds);
  };
}
