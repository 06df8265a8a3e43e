// The order of the rows in the uploads panel, and which uploads share a row. It does not
// use the elements of the page.

import * as words from "./words.js";

// Group is several uploads that were refused, failed or cancelled for the same reason.
export class Group {
  uploads = [];
  opened = false; // whether the row shows the names of the files
}

// Arrangement sorts the uploads of a queue.
export class Arrangement {
  stored = [];
  failed = []; // uploads that failed and can be sent again
  refused = [];
  cancelled = [];
  #active = [];
  #waiting = [];
  #problems = []; // Uploads and Groups about which the reader must decide
  #groups = new Map(); // key → Group, so that an equal group is the same object each time

  // update sorts the uploads. It is called after each change.
  update(uploads) {
    const lists = { stored: [], failed: [], refused: [], cancelled: [], waiting: [], active: [] };
    for (const upload of uploads) {
      lists[upload.active ? "active" : upload.state].push(upload);
    }
    Object.assign(this, { stored: lists.stored, failed: lists.failed, refused: lists.refused, cancelled: lists.cancelled });
    this.#active = lists.active;
    this.#waiting = lists.waiting;
    this.#problems = this.#group([...lists.failed, ...lists.refused, ...lists.cancelled]);
  }

  // items returns the Uploads and Groups in the order of their rows: first the uploads that are
  // being sent, then the problems, then the uploads that wait. If showStored is true, the stored
  // uploads are last.
  items(showStored) {
    return [...this.#active, ...this.#problems, ...this.#waiting, ...(showStored ? this.stored : [])];
  }

  #group(uploads) {
    const byKey = new Map();
    for (const upload of uploads) {
      const key = `${upload.state} ${upload.sharedReason || words.reasonAlone(upload.name, upload.reason)}`;
      byKey.get(key)?.push(upload) ?? byKey.set(key, [upload]);
    }
    const old = this.#groups;
    this.#groups = new Map([...byKey.keys()].map((key) => [key, old.get(key) ?? new Group()]));
    return [...byKey].map(([key, same]) => {
      const group = this.#groups.get(key);
      group.uploads = same;
      return same.length > 1 ? group : same[0];
    });
  }
}
