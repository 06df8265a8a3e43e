// The state of the gallery: which images it shows, in which order, and how far the list
// has been loaded. It does not use the elements of the page.

import * as api from "./api.js";
import { limitsKnown } from "./limits.js";
import { lowest } from "./slices.js";

const INTERVAL = 1000; // milliseconds between two insertions of uploaded images

// The orders of the list. sort and order are parameters of the API. compare and reversed
// put an uploaded image in the place that the server gives it.
const orders = {
  newest: { compare: byTime },
  oldest: { order: "asc", compare: byTime, reversed: true },
  name: { sort: "name", compare: byName },
  "name-desc": { sort: "name", order: "desc", compare: byName, reversed: true },
  largest: { sort: "size", compare: bySize },
  smallest: { sort: "size", order: "asc", compare: bySize, reversed: true },
};

// Entry is an image of the list. cursor is the cursor of the page of the list that has the
// image; for the first page it is empty. A hidden entry keeps its place in the list, but the
// gallery does not show it.
export class Entry {
  hidden = false;
  wasSelected = false; // whether it was selected before it was hidden
  #day;

  constructor(image, cursor) {
    this.image = image;
    this.cursor = cursor;
  }

  // day is the start of the day of the upload, in the reader's time zone, as a number.
  get day() {
    return this.#day ??= new Date(this.image.uploaded_at).setHours(0, 0, 0, 0);
  }
}

// ImageList has the images that match a query, in its order. isHidden(filename) reports
// whether an image that is loaded must not be shown. The list sends these events:
// - change: the shown entries or the state of the list may have changed;
// - select: the selection has changed;
// - invalidcursor: the server does not accept the cursor of the URL.
export class ImageList extends EventTarget {
  entries = []; // the entries that are shown, in the order of the list
  error = ""; // why the last page could not be loaded, for people
  unreachable = false; // whether the last page could not be loaded because the server does not respond
  waiting = ""; // "loading" or "locked" (the server requires its token) during a request
  stale = false; // whether the entries are those of the previous query
  total; // the number of all images on the server; undefined if it is not known
  #query; // { search, sort }
  #shownQuery; // the query of the entries
  #isHidden;
  #byName = new Map(); // filename → entry, also of hidden entries
  #selected = new Set();
  #pending = new Map(); // filename → uploaded image that is not in the list yet
  #flushTimer = 0;
  #flushedAt = -INTERVAL;
  #start; // cursor of the first page that is shown; empty if that is the first page of the list
  #next; // cursor of the page to load; undefined before the first page is loaded, empty after the last page is loaded
  #request = null; // the AbortController of the current request, or null

  constructor(query, cursor, isHidden) {
    super();
    this.#query = this.#shownQuery = query;
    this.#start = this.#next = cursor || undefined;
    this.#isHidden = isHidden;
  }

  get query() {
    return this.#query;
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

  // selected returns the selected entries, in the order of the list.
  get selected() {
    return this.#selected.size > 0 ? this.entries.filter((entry) => this.#selected.has(entry)) : [];
  }

  get selectedCount() {
    return this.#selected.size;
  }

  isSelected(entry) {
    return this.#selected.has(entry);
  }

  // select selects the entries, or deselects them.
  select(entries, selected) {
    entries.forEach((entry) => (selected ? this.#selected.add(entry) : this.#selected.delete(entry)));
    this.#send("select");
  }

  find(filename) {
    return this.#byName.get(filename);
  }

  // indexOf returns the place of the entry among the shown entries, or -1.
  indexOf(entry) {
    const at = this.#place(entry.image);
    return this.entries[at] === entry ? at : this.entries.indexOf(entry);
  }

  // restart shows the images of another query, from the first page. The earlier entries stay
  // until that page is loaded. The caller must call load after it.
  restart(query) {
    this.#request?.abort();
    this.#request = null;
    this.#query = query;
    this.#start = "";
    this.#next = undefined;
    this.stale = true;
  }

  // load requests the next page. At the end it resolves with { entries, first }: the new
  // entries, and whether they are the first of the list. After an error there are no entries.
  // load resolves with null if another request is running or has replaced this request.
  async load() {
    if (this.#request) {
      return null;
    }
    const request = this.#request = new AbortController();
    const cursor = this.#next ?? "";
    const { search, sort } = this.#query;
    const { sort: key, order } = orders[sort];
    this.error = "";
    this.unreachable = false;
    this.#wait("loading");
    try {
      const listed = api.list({ search, sort: key, order, cursor }, { locked: () => this.#wait("locked") }, request.signal);
      const [page] = await Promise.all([listed, limitsKnown()]); // with the limits, the gallery knows which pictures are too large
      if (!request.signal.aborted) {
        this.#request = null;
        return this.#append(page, cursor);
      }
    } catch (error) {
      if (!request.signal.aborted) {
        this.#request = null;
        return this.#failed(error, cursor);
      }
    }
    return null;
  }

  // add puts an image that was just uploaded in its place, if it matches the query. If many
  // images are uploaded, the list inserts them once a second.
  add(image) {
    if (this.total !== undefined && !image.duplicate) {
      this.total++;
    }
    this.#pending.set(image.filename, image);
    const wait = this.#flushedAt + INTERVAL - performance.now();
    if (wait <= 0) {
      this.#flush();
    } else {
      this.#flushTimer ||= setTimeout(() => this.#flush(), wait);
    }
  }

  // replace shows a changed image, such as a renamed image, instead of the old image.
  replace(old, image) {
    const entry = this.find(old.filename);
    this.#pending.delete(old.filename);
    if (entry) {
      if (old.filename !== image.filename && this.find(image.filename)) {
        this.remove(image); // both images had the same bytes, so the server has made them one image
      }
      const selected = this.#selected.has(entry);
      this.#drop(entry);
      const changed = this.#insert(image, entry.cursor);
      if (changed && selected) {
        this.#selected.add(changed);
      }
    }
    this.#send("change");
  }

  // setHidden hides images, or shows them again in their place. A hidden image is not
  // selected. When it is shown again, it is selected as before.
  setHidden(images, hidden) {
    images.forEach(({ filename }) => this.#pending.has(filename) && this.#flush());
    for (const entry of images.map((image) => this.find(image.filename))) {
      if (entry && entry.hidden !== hidden) {
        if (hidden) {
          this.entries.splice(this.indexOf(entry), 1);
          entry.wasSelected = this.#selected.delete(entry);
        } else {
          this.entries.splice(this.#place(entry.image), 0, entry);
          if (entry.wasSelected) {
            this.#selected.add(entry);
          }
        }
        entry.hidden = hidden;
      }
    }
    this.#send("change");
  }

  // remove removes an image that the server has deleted.
  remove(image) {
    this.#pending.delete(image.filename);
    this.#drop(this.find(image.filename));
    if (this.total) {
      this.total--;
    }
    this.#send("change");
  }

  // nearest returns the entry itself if it is shown. Otherwise it returns the entry that is now
  // in its place. After the end of the list that is the last entry, and in an empty list
  // undefined.
  nearest(entry) {
    return entry && (this.entries[this.#place(entry.image)] ?? this.entries.at(-1));
  }

  #append({ images, next }, cursor) {
    if (this.stale) {
      this.entries = [];
      this.#byName.clear();
      this.#selected.clear();
      this.stale = false;
    }
    this.#shownQuery = this.#query;
    const first = this.#next === undefined || this.entries.length === 0;
    const added = images.filter((image) => !this.find(image.filename)).map((image) => new Entry(image, cursor));
    for (const entry of added) {
      this.#byName.set(entry.image.filename, entry);
      entry.hidden = this.#isHidden(entry.image.filename);
    }
    const shown = added.filter((entry) => !entry.hidden);
    this.entries.push(...shown);
    this.#next = next ?? "";
    this.#insertPending();
    this.#wait("");
    return { entries: shown, first };
  }

  #failed(error, cursor) {
    this.waiting = "";
    if (error.status === 400 && cursor) {
      this.#send("invalidcursor");
      return null;
    }
    this.error = error.message;
    this.unreachable = Boolean(error.retryable);
    this.#send("change");
    return { entries: [], first: false };
  }

  #flush() {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = 0;
    if (!this.stale && this.#next !== undefined) { // otherwise the next page inserts the images
      this.#flushedAt = performance.now();
      this.#insertPending();
      this.#send("change");
    }
  }

  #insertPending() {
    for (const image of this.#pending.values()) {
      const old = this.find(image.filename);
      if (old?.image.sha256 !== image.sha256) {
        this.#drop(old);
        if (image.filename.toLowerCase().includes(this.#query.search.toLowerCase())) {
          this.#insert(image, "");
        }
      }
    }
    this.#pending.clear();
  }

  // insert puts an image in its place. It inserts nothing if the place is in a part of the
  // list that is not loaded.
  #insert(image, cursor) {
    const at = this.#place(image);
    const outside = (at === 0 && this.startsLater) || (at === this.entries.length && this.hasMore);
    if (outside) {
      return null;
    }
    const entry = new Entry(image, cursor || (this.entries[at - 1]?.cursor ?? ""));
    this.entries.splice(at, 0, entry);
    this.#byName.set(image.filename, entry);
    return entry;
  }

  // place returns the index at which the image is, or would be.
  #place(image) {
    const { compare, reversed } = orders[this.#shownQuery.sort];
    return lowest(this.entries.length, (i) => compare(this.entries[i].image, image) * (reversed ? -1 : 1) >= 0);
  }

  #drop(entry) {
    if (entry) {
      const at = this.indexOf(entry);
      if (at >= 0) {
        this.entries.splice(at, 1);
      }
      this.#byName.delete(entry.image.filename);
      this.#selected.delete(entry);
    }
  }

  #wait(waiting) {
    this.waiting = waiting;
    this.#send("change");
  }

  #send(event) {
    this.dispatchEvent(new Event(event));
  }
}

// sortOf returns the order if the page knows it, and otherwise the usual order.
export const sortOf = (sort) => (Object.hasOwn(orders, sort) ? sort : "newest");

// byTime puts the newest image first. The time is in UTC, and its fraction has no zeros at
// the end.
function byTime(a, b) {
  const [x, y] = [a, b].map((image) => image.uploaded_at.replace("Z", ""));
  return x === y ? byName(a, b) : x > y ? -1 : 1;
}

function bySize(a, b) {
  return b.size - a.size || byName(a, b);
}

// byName compares names by their bytes in UTF-8, as the server does. JavaScript compares
// UTF-16, in which surrogates are before U+E000.
function byName({ filename: a }, { filename: b }) {
  let i = 0;
  while (i < a.length && a[i] === b[i]) {
    i++;
  }
  const rank = (code) => (code >= 0xd800 && code < 0xe000 ? code + 0x10000 : code);
  return (rank(a.charCodeAt(i)) || -1) - (rank(b.charCodeAt(i)) || -1);
}
