// The gallery on the page: the search, the images, and the keys that move between them. When
// the reader comes near the end, the gallery loads more images.

import { serverBack } from "./back.js";
import { Card } from "./card.js";
import { CardMenu } from "./cardmenu.js";
import { announce, button, el } from "./dom.js";
import { ImageList, sortOf } from "./imagelist.js";
import { day, number } from "./intl.js";
import { singleKeys } from "./keys.js";
import { RowView } from "./rowview.js";
import { ScrollPosition } from "./scrollposition.js";
import { Selection } from "./selection.js";
import { Setting } from "./setting.js";
import { replaceURL, urlParameters } from "./url.js";
import * as words from "./words.js";

const TYPING = 250; // milliseconds without a key before a search begins
const AHEAD = "1200px"; // how far below the window the next page is loaded
const phone = matchMedia("(width <= 37.5rem)"); // such a narrow gallery has squares

// How large pictures are: the height of a row in rem, and the columns of squares on a phone.
const sizes = { m: { height: 13, columns: 3 }, s: { height: 8, columns: 4 }, l: { height: 20, columns: 2 } };

// Gallery fills the section, and uses the search field. Its callbacks are:
// - onOpen(image) opens an image;
// - onDelete(images) deletes images;
// - onDownload(images) downloads images;
// - onChange() is called when the gallery may show other images;
// - isHidden(filename) reports whether the gallery must not show the image now.
export class Gallery {
  layout = new Setting("layout", ["grid", "list"]);
  size = new Setting("picture-size", Object.keys(sizes));
  #callbacks;
  #list;
  #view;
  #selection;
  #sort;
  #section;
  #title = document.getElementById("gallery-title");
  #search = document.getElementById("search");
  #toStart = button(TEXT.fromStart, () => this.#goToStart(), { kind: "to-start" });
  #position;
  #pill = el("p", { class: "pill", hidden: true });
  #columns = el("div", { class: "columns", "aria-hidden": "true" },
    ...Object.entries(TEXT.columns).map(([name, text]) => el("span", { class: name !== "name" && name }, text)));
  #note = el("p", { tabindex: -1 });
  #moreLabel = el("span");
  #more = button(this.#moreLabel, () => this.#loadMore());
  #menu;
  #focusNew = false; // whether the focus moves to the next images that are loaded
  #observer = new IntersectionObserver((entries) => {
    if (entries.at(-1).isIntersecting && !this.#list.error) {
      this.load();
    }
  }, { rootMargin: AHEAD });

  constructor(section, callbacks) {
    this.#section = section;
    this.#callbacks = callbacks;
    const { q = "", sort, from = "" } = urlParameters();
    this.#sort = sortOf(sort);
    this.#search.value = q;
    this.#search.addEventListener("input", debounced(TYPING, () => this.#restart()));
    this.#search.form.addEventListener("submit", (event) => event.preventDefault());
    this.#list = new ImageList(this.#query, from, callbacks.isHidden);
    this.#selection = new Selection(this.#list, { ...callbacks, onEmpty: (entry) => this.#focus(entry) });
    this.#menu = new CardMenu({
      onSelect: (entry) => this.#selection.toggle(entry),
      onDelete: (image) => callbacks.onDelete([image]),
      copy: (entry) => this.#view.cardOf(entry)?.copy(),
    });
    this.#view = new RowView({
      makeCard: (entry, box) => new Card(entry, box, {
        onOpen: callbacks.onOpen,
        onSelect: (selected, range) => this.#selection.toggle(selected, range),
        onMenu: (owner, control) => this.#menu.open(owner, control),
        isSelecting: () => this.#list.selectedCount > 0,
      }),
      updateCard: (card, index) => card.update({
        selected: this.#list.isSelected(card.entry),
        position: index + 1,
        length: this.#list.complete ? this.#list.entries.length : -1,
      }),
      makeHeading: (group) => this.#heading(group),
      updateHeading: (heading, group) => this.#updateHeading(heading, group),
    });
    this.#position = new ScrollPosition(this.#view);
    section.append(this.#pill, this.#toStart, this.#columns, this.#view.element, this.#note, this.#more, this.#selection.element);
    this.#list.addEventListener("change", () => this.#render());
    this.#list.addEventListener("select", () => this.#renderSelection());
    this.#list.addEventListener("invalidcursor", () => this.#restart()); // the URL has the cursor of another list
    this.#view.element.addEventListener("keydown", (event) => this.#handleKey(event));
    addEventListener("popstate", () => this.#showFromURL());
    addEventListener("resize", () => this.#render());
    [this.layout, this.size].forEach((setting) => setting.subscribe(() => this.#render()));
  }

  // images returns the images that are shown, in the order of the list.
  get images() {
    return this.#list.entries.map(({ image }) => image);
  }

  // isEmpty reports whether the server has no images.
  get isEmpty() {
    const { complete, loading, startsLater, query, entries } = this.#list;
    return complete && !loading && !startsLater && query.search === "" && entries.length === 0;
  }

  // sort is the order of the list. To set it shows the list in another order.
  get sort() {
    return this.#sort;
  }

  set sort(sort) {
    this.#sort = sort;
    this.#restart();
  }

  // setTotal shows how many images the server has.
  setTotal(total) {
    this.#list.total = total;
    this.#showTotal();
  }

  // load shows the next page of the list. It resolves with false if it shows nothing new.
  async load() {
    const loaded = await this.#list.load();
    if (!loaded) {
      return false;
    }
    const { error, entries } = this.#list;
    if (error) {
      this.#loadWhenBack();
      announce(this.#list.stale ? this.#pill.textContent : error);
    } else if (loaded.first) {
      this.#position.restore(entries);
    }
    if (this.#focusNew) {
      this.#focusNew = false;
      if (error) {
        this.#more.focus();
      } else {
        announce(words.listed(loaded.entries.length));
        this.#focus(loaded.entries[0]);
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
    const focused = this.#view.focused;
    this.#list.setHidden(images, true);
    if (focused?.hidden) {
      this.#focus(focused);
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

  // focusImages moves the focus to the images.
  focusImages() {
    this.#focus(this.#view.current);
  }

  focusImage(image) {
    this.#focus(this.#list.find(image.filename));
  }

  // clearSelection deselects all images. It returns false if none is selected.
  clearSelection() {
    return this.#selection.clear();
  }

  // neighbour returns the image that is step places after this image, or undefined. Near
  // the end of the list it loads more images.
  neighbour(image, step) {
    const { entries } = this.#list;
    const entry = this.#list.find(image.filename);
    const at = entry ? this.#list.indexOf(entry) : -1;
    if (at + step > entries.length - 3 && this.#list.hasMore && !this.#list.error) {
      this.load();
    }
    return at < 0 ? undefined : entries[at + step]?.image;
  }

  // focus moves the focus to an entry. If the entry is not shown, a neighbour gets the
  // focus. If there is no neighbour, the heading gets the focus.
  #focus(entry) {
    const nearest = this.#list.nearest(entry);
    if (nearest) {
      this.#view.focus(nearest);
    } else {
      this.#title.focus();
    }
  }

  // restart shows the list that the reader has chosen with the search field and the order.
  async #restart() {
    this.#list.restart(this.#query);
    const { search, sort } = this.#query;
    replaceURL({ q: search, sort: sort === "newest" ? "" : sort, from: "" }, { ...history.state, top: undefined });
    if (await this.load()) {
      scrollTo({ top: 0, behavior: "instant" });
      this.#announceList();
    }
  }

  // announceList says how many images were found, if the page knows the number.
  #announceList() {
    const { complete, entries, total, query: { search } } = this.#list;
    const n = complete ? entries.length : search ? undefined : total;
    if (this.#note.textContent || n !== undefined) {
      announce(this.#note.textContent || words.found(n));
    }
  }

  // loadWhenBack loads the list again if the server was away and is back.
  async #loadWhenBack() {
    const { query } = this.#list;
    if (this.#list.unreachable && (await serverBack()) && this.#list.query === query && this.#list.error) {
      const { stale } = this.#list;
      if (await this.load() && stale) {
        this.#announceList();
      }
    }
  }

  #goToStart() {
    this.#title.focus({ preventScroll: true });
    this.#restart();
  }

  // showFromURL shows the list of the URL, after Back or Forward.
  #showFromURL() {
    const { q = "", sort } = urlParameters();
    if (q !== this.#query.search || sortOf(sort) !== this.#sort) {
      this.#search.value = q;
      this.#sort = sortOf(sort);
      this.#restart();
    }
  }

  // loadMore loads the next page and moves the focus to its first image.
  #loadMore() {
    this.#focusNew = true;
    this.load();
    this.#note.focus({ preventScroll: true });
  }

  get #query() {
    return { search: this.#search.value.trim(), sort: this.#sort };
  }

  #render() {
    const { entries, error, loading, hasMore, complete, startsLater, stale } = this.#list;
    this.#section.dataset.layout = this.layout.value;
    this.#view.show(entries, { ...this.#rowOptions(), complete: complete || Boolean(error) });
    this.#note.textContent = this.#message();
    this.#note.className = error ? "error" : "hint";
    this.#pill.textContent = !stale ? "" : error ? words.listLater(error) : TEXT.loading;
    this.#pill.hidden = !stale || entries.length === 0;
    this.#moreLabel.textContent = error ? TEXT.retry : TEXT.more;
    this.#more.hidden = loading || !(error || hasMore);
    this.#toStart.hidden = !startsLater || entries.length === 0;
    document.documentElement.classList.toggle("empty", this.isEmpty);
    this.#showTotal();
    this.#renderSelection();
    this.#callbacks.onChange();
  }

  #renderSelection() {
    this.#section.classList.toggle("selecting", this.#list.selectedCount > 0);
    this.#view.refresh();
  }

  // showTotal shows the number in the search field. In a narrow field, the number would be cut off.
  #showTotal() {
    const { complete, startsLater, entries, query: { search } } = this.#list;
    const known = this.#list.total ?? (complete && !startsLater && search === "" ? entries.length : 0);
    this.#search.placeholder = known > 0 && !phone.matches ? words.searchIn(known) : TEXT.search;
  }

  // rowOptions returns the options of RowView for the chosen size and layout.
  #rowOptions() {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const { height, columns } = sizes[this.size.value];
    const heading = ["newest", "oldest"].includes(this.#list.query.sort) ? 3 * rem : 0;
    if (this.layout.value === "list") {
      return { kind: "lines", target: 3.5 * rem, gap: 0, heading, columns: 1 };
    }
    if (phone.matches) {
      return { kind: "squares", target: 0, gap: 2, heading, columns };
    }
    return { kind: "justified", target: height * rem, gap: 6, heading, columns: 0 };
  }

  // message says why there are no images, or no more of them.
  #message() {
    const { entries, error, waiting, complete, stale, query: { search } } = this.#list;
    if (stale && entries.length > 0) {
      return ""; // the pill says it
    }
    if (error) {
      return error;
    }
    if (waiting) {
      return waiting === "locked" ? TEXT.locked : TEXT.loading;
    }
    if (entries.length > 0 || !complete) {
      return "";
    }
    return search ? words.noMatch(search) : TEXT.empty;
  }

  // heading makes the heading of a day, with a checkbox that selects the whole day.
  #heading(group) {
    const label = day(group.day);
    const box = el("input", {
      type: "checkbox", "aria-label": words.select(label),
      onchange: () => this.#selection.select(this.#entriesOf(heading.group), box.checked),
    });
    const heading = el("div", { class: "day" },
      el("h3", {}, label),
      el("span", { class: "hint" }),
      el("label", { class: "select" }, box));
    return heading;
  }

  #updateHeading(heading, group) {
    heading.group = group;
    const { startsLater, complete, entries } = this.#list;
    const whole = (group.from > 0 || !startsLater) && (group.to < entries.length || complete);
    const all = this.#entriesOf(group);
    const selected = this.#list.selectedCount > 0 ? all.filter((entry) => this.#list.isSelected(entry)).length : 0;
    const box = heading.querySelector("input");
    box.checked = selected > 0 && selected === all.length;
    box.indeterminate = selected > 0 && selected < all.length;
    heading.querySelector("span").textContent = whole ? number(all.length) : "";
  }

  #entriesOf({ from, to }) {
    return this.#list.entries.slice(from, to);
  }

  // handleKey moves the focus between the images, and handles the keys for the image that has
  // the focus.
  #handleKey(event) {
    const entry = this.#view.focused;
    if (!entry || event.ctrlKey || event.metaKey || event.altKey || !event.target.matches(".picture")) {
      return;
    }
    const { entries } = this.#list;
    const at = this.#view.indexOf(entry);
    const forward = document.dir === "rtl" ? -1 : 1;
    const rows = (n) => this.#view.focus(this.#view.neighbour(entry, n));
    const go = (index) => this.#view.focus(entries[Math.max(0, Math.min(entries.length - 1, index))]);
    const actions = {
      ArrowLeft: () => go(at - forward),
      ArrowRight: () => go(at + forward),
      ArrowUp: () => rows(-1),
      ArrowDown: () => rows(1),
      PageUp: () => rows(-this.#view.pageOfRows),
      PageDown: () => rows(this.#view.pageOfRows),
      Home: () => go(0),
      End: () => go(entries.length - 1),
      " ": () => this.#selection.toggle(entry, event.shiftKey),
      Delete: () => this.#callbacks.onDelete([entry.image]),
      c: singleKeys.value === "on" && (() => this.#view.cardOf(entry).copy()),
    };
    const action = Object.hasOwn(actions, event.key) && actions[event.key];
    if (action) {
      event.preventDefault();
      if (!event.repeat || event.key.length > 1 && event.key !== "Delete") { // a key that is held down deletes one image
        action();
      }
    }
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
