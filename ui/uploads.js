// Uploads under way and done: the list of rows and the queue behind it.

import { announce, button, el } from "./dom.js";
import { Row } from "./row.js";
import * as words from "./words.js";

const PARALLEL = 3; // uploads on the wire; the rest wait
const FINISHED = ["stored", "failed", "cancelled"];

// Uploads fills the section. It calls stored with each image that is new on
// the server.
export class Uploads {
  #section;
  #stored;
  #list = el("ul", { role: "list" }); // as in gallery.js
  #rows = new Set();
  #waiting = [];
  #running = 0;
  #count = { stored: 0, failed: 0 }; // since the queue was last empty

  constructor(section, stored) {
    this.#section = section;
    this.#stored = stored;
    section.append(
      el("div", { class: "heading" },
        el("h2", { id: "uploads-title" }, words.uploads),
        button(words.clear, () => this.#clear(), { kind: "clear" })),
      this.#list);
  }

  // add queues what intake gave, as a batch above the earlier ones.
  add(files) {
    const rows = files.map((file) => new Row(file, (row) => this.#queue(row)));
    this.#list.prepend(...rows.map((row) => row.element));
    this.#section.hidden = false;
    announce(words.started(rows.length));
    for (const row of rows) {
      this.#rows.add(row);
      this.#queue(row);
    }
  }

  // forget takes away the row of an image that is deleted.
  forget(filename) {
    this.#drop((row) => row.filename === filename);
  }

  #queue(row) {
    this.#waiting.push(row);
    this.#next();
  }

  #next() {
    while (this.#running < PARALLEL && this.#waiting.length > 0) {
      this.#run(this.#waiting.shift());
    }
    if (this.#running === 0 && this.#count.stored + this.#count.failed > 0) {
      announce(words.finished(this.#count.stored, this.#count.failed));
      this.#count = { stored: 0, failed: 0 };
    }
    onbeforeunload = this.#running > 0 ? (event) => event.preventDefault() : null;
  }

  async #run(row) {
    this.#running++;
    const image = await row.run();
    this.#running--;
    if (row.state in this.#count) {
      this.#count[row.state]++;
    }
    if (image && !image.duplicate) {
      this.#stored(image);
    }
    this.#next();
  }

  // The button for this is shown only beside finished rows (style.css).
  #clear() {
    this.#drop((row) => FINISHED.includes(row.state));
    document.getElementById("file").focus();
  }

  #drop(unwanted) {
    for (const row of [...this.#rows].filter(unwanted)) {
      row.element.remove();
      this.#rows.delete(row);
    }
    this.#section.hidden = this.#rows.size === 0;
  }
}
