// The gallery on the page: the search, the order and the cards. When the reader comes
// near the end, the gallery loads more cards.

import { Card } from "./card.js";
import { announce, button, chooser, el } from "./dom.js";
import { ImageList } from "./imagelist.js";
import { linkFormatChooser } from "./links.js";
import { ScrollPosition } from "./scrollposition.js";
import { replaceURL, urlParameters } from "./url.js";
import { VirtualGrid } from "./virtualgrid.js";
import * as words from "./words.js";

const EAGER = 8; // pictures that most windows show at once
const TYPING = 250; // milliseconds without a key before a search begins
const AHEAD = "1200px"; // how far below the window the next page is loaded

// Gallery fills the section. It needs the callbacks of Card, and these:
// - isHidden(filename) reports whether the gallery must not show the image now;
// - onRestart() is called when the gallery starts another list;
// - onChange() is called when the gallery may show other images.
export class Gallery {
  #callbacks;
  #list;
  #title = el("h2", { id: "gallery-title", tabindex: -1 }, words.gallery);
  #search;
  #sort;
  #toStart = button(words.fromStart, () => this.#goToStart(), { kind: "to-start" });
  #grid = new VirtualGrid();
  #position = new ScrollPosition(this.#grid);
  #note = el("p", { tabindex: -1 });
  #moreLabel = el("span");
  #more = button(this.#moreLabel, () => this.#loadMore());
  #focusNew = false; // whether the focus moves to the next cards that are loaded
  #observer = new IntersectionObserver((entries) => {
    if (entries.at(-1).isIntersecting && !this.#list.error) {
      this.load();
    }
  }, { rootMargin: AHEAD });

  constructor(section, callbacks) {
    this.#callbacks = callbacks;
    const { q, sort, from = "" } = urlParameters();
    this.#search = el("input", {
      id: "search", type: "search", value: q, placeholder: words.search, "aria-label": words.search,
      autocomplete: "off", spellcheck: "false", maxlength: 255,
      oninput: debounced(TYPING, () => this.#restart()),
    });
    this.#sort = chooser(words.sort, words.orders, sort, () => this.#restart());
    this.#list = new ImageList(this.#query, from, {
      makeCard: (image, cursor, index) => new Card(image, cursor, callbacks, { eager: index < EAGER }),
      isHidden: callbacks.isHidden,
      onChange: () => this.#render(),
      onInvalidCursor: () => this.#restart(), // the URL has the cursor of another list
    });
    section.append(
      el("div", { class: "heading" }, this.#title, el("div", { class: "tools" }, this.#search, this.#sort, linkFormatChooser())),
      this.#toStart, this.#grid.element, this.#note, this.#more);
    addEventListener("popstate", () => this.#showFromURL());
  }

  // cards returns the cards that are shown, in the order of the list.
  get cards() {
    return this.#list.visible;
  }

  // load shows the next page of the list. It resolves with false if it shows nothing new.
  async load() {
    const loaded = await this.#list.load();
    if (!loaded) {
      return false;
    }
    const { error } = this.#list;
    if (loaded.first) {
      this.#position.restore(this.cards);
    }
    if (error) {
      announce(error);
    }
    if (this.#focusNew) {
      this.#focusNew = false;
      if (error) {
        this.#more.focus();
      } else {
        announce(words.listed(loaded.cards.length));
        this.focus(loaded.cards[0]);
      }
    }
    this.#observer.unobserve(this.#more);
    this.#observer.observe(this.#more); // so that the observer reports again whether the button is near the window
    return !error;
  }

  add(image) {
    this.#list.add(image);
  }

  replace(old, image) {
    this.#list.replace(old, image);
  }

  // hide hides images. If one of their cards has the focus, a neighbour gets the focus.
  hide(images) {
    const focused = images.map((image) => this.#list.find(image.filename)).find((card) => card?.focused);
    this.#list.setHidden(images, true);
    if (focused) {
      this.focus(focused);
    }
  }

  show(images) {
    this.#list.setHidden(images, false);
  }

  remove(image) {
    this.#list.remove(image);
  }

  // focusSearch moves the focus to the search field and selects its text.
  focusSearch() {
    this.#search.focus();
    this.#search.select();
  }

  // focus moves the focus to a card. If the card is not shown, a neighbour gets the focus.
  // If there is no neighbour, the heading gets the focus.
  focus(card) {
    const nearest = this.#list.nearest(card);
    if (nearest) {
      this.#grid.focus(nearest);
    } else {
      this.#title.focus();
    }
  }

  focusImage(image) {
    this.focus(this.#list.find(image.filename));
  }

  // neighbour returns the image that is step places after this image, or undefined. Near
  // the end of the list it loads more images.
  neighbour(image, step) {
    const { cards } = this;
    const at = cards.findIndex((card) => card.image.filename === image.filename);
    if (at + step > cards.length - 3 && this.#list.hasMore && !this.#list.error) {
      this.load();
    }
    return at < 0 ? undefined : cards[at + step]?.image;
  }

  // restart shows the list that the reader has chosen with the search field and the order.
  async #restart() {
    this.#list.restart(this.#query);
    this.#callbacks.onRestart();
    const { search, sort } = this.#query;
    replaceURL({ q: search, sort: sort === "newest" ? "" : sort, from: "" }, { ...history.state, top: undefined });
    if (await this.load()) {
      announce(this.#note.textContent || words.found(this.cards.length, this.#list.hasMore));
    }
  }

  #goToStart() {
    this.#title.focus();
    this.#restart();
  }

  // showFromURL shows the list of the URL, after Back or Forward.
  #showFromURL() {
    const { q = "", sort = "newest" } = urlParameters();
    if (q !== this.#query.search || sort !== this.#query.sort) {
      this.#search.value = q;
      this.#sort.value = sort;
      this.#restart();
    }
  }

  // loadMore loads the next page and moves the focus to its first card.
  #loadMore() {
    this.#focusNew = true;
    this.load();
    this.#note.focus({ preventScroll: true });
  }

  get #query() {
    return { search: this.#search.value.trim(), sort: this.#sort.value };
  }

  #render() {
    const { cards } = this;
    const { error, loading, hasMore, startsLater } = this.#list;
    this.#grid.show(cards);
    this.#note.textContent = this.#message(cards);
    this.#note.className = error ? "error" : "hint";
    this.#moreLabel.textContent = error ? words.retry : words.more;
    this.#more.hidden = loading || !(error || hasMore);
    this.#toStart.hidden = !startsLater || cards.length === 0;
    this.#callbacks.onChange();
  }

  // message says why there are no cards, or no more of them.
  #message(cards) {
    const { error, waiting, complete, query: { search } } = this.#list;
    if (error || waiting) {
      return error || words[waiting];
    }
    if (cards.length > 0 || !complete) {
      return "";
    }
    return search ? words.noMatch(search) : words.empty;
  }
}

// debounced returns a function that calls f later: when nobody has called the function for
// this number of milliseconds.
function debounced(milliseconds, f) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(f, milliseconds);
  };
}
