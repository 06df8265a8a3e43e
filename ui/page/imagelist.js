// The state of the gallery: which images it shows, in which order, and how far the
// list has been loaded. It does not use the elements of the page.

import * as api from "./api.js";
import { limitsKnown } from "./limits.js";

// The parameters sort and order of the API for each order.
const orders = {
  newest: {},
  oldest: { order: "asc" },
  name: { sort: "name" },
  "name-desc": { sort: "name", order: "desc" },
  largest: { sort: "size" },
  smallest: { sort: "size", order: "asc" },
};

// ImageList has a card for each image. Its callbacks are:
// - makeCard(image, cursor, index) makes a card;
// - isHidden(filename) reports whether the gallery must not show the image now;
// - onChange() is called after each change;
// - onInvalidCursor() is called when the server does not accept the cursor of the URL.
export class ImageList {
  error = ""; // why the last page could not be loaded, for people
  waiting = ""; // "loading" or "locked" (the server requires its token) during a request
  #query; // { search, sort }
  #cards = []; // in the order of the list
  #byName = new Map(); // filename → card
  #previous = new Set(); // cards of the previous query, which stay until the first page of the new query is loaded
  #start; // cursor of the first page that is shown; empty if that is the first page of the list
  #next; // cursor of the page to load; undefined before the first page is loaded, empty after the last page is loaded
  #request = null; // the AbortController of the current request, or null
  #changePending = false;
  #callbacks;

  constructor(query, cursor, callbacks) {
    this.#query = query;
    this.#start = this.#next = cursor;
    this.#callbacks = callbacks;
  }

  get query() {
    return this.#query;
  }

  // visible returns the cards that are shown, in the order of the list.
  get visible() {
    return this.#cards.filter((card) => !card.hidden);
  }

  // hasMore reports whether the server has more images than the list has loaded.
  get hasMore() {
    return Boolean(this.#next);
  }

  // complete reports whether the last image is loaded.
  get complete() {
    return this.#next === "";
  }

  // startsLater reports whether the list begins after its first page, because the URL has a
  // cursor.
  get startsLater() {
    return Boolean(this.#start);
  }

  get loading() {
    return Boolean(this.#request);
  }

  find(filename) {
    return this.#byName.get(filename);
  }

  // restart shows the images of another query, from the first page. The caller must call
  // load after it.
  restart(query) {
    this.#request?.abort();
    this.#request = null;
    this.#query = query;
    this.#start = "";
    this.#next = undefined;
    this.#previous = new Set(this.#cards);
  }

  // load requests the next page. At the end it resolves with { cards, first }. cards are
  // the new cards, and first says whether they are the first cards. After an error there
  // are no cards. load resolves with null if another request is running or has replaced
  // this request.
  async load() {
    if (this.#request) {
      return null;
    }
    const request = this.#request = new AbortController();
    const cursor = this.#next ?? "";
    const { search, sort } = this.#query;
    this.error = "";
    this.#wait("loading");
    let page = { images: [], next: cursor };
    try {
      const listed = api.list({ search, ...orders[sort], cursor }, { locked: () => this.#wait("locked") }, request.signal);
      [page] = await Promise.all([listed, limitsKnown()]); // a card must know which pictures are too large
    } catch (error) {
      if (request.signal.aborted) {
        return null;
      }
      if (error.status === 400 && cursor) {
        this.#callbacks.onInvalidCursor();
        return null;
      }
      this.error = error.message;
    }
    if (request.signal.aborted) {
      return null;
    }
    this.#request = null;
    return this.#append(page, cursor);
  }

  // add puts an image that was just uploaded before all other images, if the image matches
  // the query.
  add(image) {
    const old = this.find(image.filename);
    if (old?.image.sha256 === image.sha256) {
      return;
    }
    this.#drop(old);
    if (!this.#start && image.filename.toLowerCase().includes(this.#query.search.toLowerCase())) {
      this.#cards.unshift(this.#card(image, "", 0));
    }
    if (!this.#changePending) {
      this.#changePending = true; // many images may be added at a time
      queueMicrotask(() => {
        this.#changePending = false;
        this.#callbacks.onChange();
      });
    }
  }

  // replace puts a changed image, such as a renamed image, in the place of the old image.
  replace(old, image) {
    if (old.filename !== image.filename) {
      this.#drop(this.find(image.filename)); // both images had the same bytes, and the server has merged them
    }
    const card = this.find(old.filename);
    if (card) {
      const at = this.#cards.indexOf(card);
      this.#byName.delete(old.filename);
      this.#cards[at] = this.#card(image, card.cursor, at);
      this.#cards[at].selected = card.selected;
    }
    this.#callbacks.onChange();
  }

  // setHidden hides images, or shows them again in their place. A hidden image is no longer
  // selected.
  setHidden(images, hidden) {
    for (const card of images.map((image) => this.find(image.filename)).filter(Boolean)) {
      card.hidden = hidden;
      card.selected &&= !hidden;
    }
    this.#callbacks.onChange();
  }

  remove(image) {
    this.#drop(this.find(image.filename));
    this.#callbacks.onChange();
  }

  // nearest returns the card itself if it is shown. Otherwise it returns the next card that
  // is shown, or the previous one, or undefined.
  nearest(card) {
    const at = this.#cards.indexOf(card);
    const shown = (c) => !c.hidden;
    return at < 0 ? undefined : this.#cards.slice(at).find(shown) ?? this.#cards.slice(0, at).findLast(shown);
  }

  #append({ images, next }, cursor) {
    this.#dropPrevious();
    const first = this.#next === undefined || this.#cards.length === 0;
    const cards = images.filter((image) => !this.find(image.filename))
      .map((image, i) => this.#card(image, cursor, this.#cards.length + i));
    cards.forEach((card) => { card.hidden = this.#callbacks.isHidden(card.image.filename); });
    this.#cards.push(...cards);
    this.#next = next ?? "";
    this.#wait("");
    return { cards, first };
  }

  #card(image, cursor, index) {
    const card = this.#callbacks.makeCard(image, cursor, index);
    this.#byName.set(image.filename, card);
    return card;
  }

  #drop(card) {
    if (card) {
      this.#cards.splice(this.#cards.indexOf(card), 1);
      this.#byName.delete(card.image.filename);
    }
  }

  #dropPrevious() {
    const dropped = this.#cards.filter((card) => this.#previous.has(card));
    this.#cards = this.#cards.filter((card) => !this.#previous.has(card));
    dropped.forEach((card) => this.#byName.delete(card.image.filename));
    this.#previous.clear();
  }

  #wait(waiting) {
    this.waiting = waiting;
    this.#callbacks.onChange();
  }
}
