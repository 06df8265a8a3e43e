// The bar with the actions for the selected images.

import { announce, button, el } from "./dom.js";
import { copyLinks } from "./links.js";
import { share } from "./share.js";
import * as words from "./words.js";

// Selection shows the bar while at least one image of an ImageList is selected. The bar
// calls onDownload(images) and onDelete(images). If the bar has the focus when it is hidden,
// Selection calls onEmpty(entry) with the entry that was selected last.
export class Selection {
  #list;
  #onEmpty;
  #last = null; // the entry that was selected or deselected last, one end of a range
  #count = el("p", {});
  element;

  constructor(list, { onDownload, onDelete, onEmpty }) {
    this.#list = list;
    this.#onEmpty = onEmpty;
    this.element = el("div", { id: "selection", role: "group", "aria-label": TEXT.selection, hidden: true },
      button(TEXT.unselect, () => this.clear(), { icon: "close" }),
      this.#count,
      el("div", { class: "actions" },
        button(TEXT.copyLinks, () => copyLinks(this.images)),
        button(TEXT.share, (event) => share(this.images, event.currentTarget)),
        button(TEXT.download, () => onDownload(this.images)),
        button(TEXT.remove, () => onDelete(this.images), { kind: "danger" })));
    ["change", "select"].forEach((event) => list.addEventListener(event, () => this.#render()));
  }

  get images() {
    return this.#list.selected.map(({ image }) => image);
  }

  // toggle selects an entry, or deselects it. If range is set, it does the same with all
  // entries from the last entry to this one.
  toggle(entry, range) {
    const { entries } = this.#list;
    const last = this.#last ? this.#list.indexOf(this.#last) : -1;
    const [from, to] = [last, this.#list.indexOf(entry)].sort((a, b) => a - b);
    const affected = range && from >= 0 ? entries.slice(from, to + 1) : [entry];
    this.#last = entry;
    this.select(affected, !this.#list.isSelected(entry));
  }

  select(entries, selected) {
    this.#list.select(entries, selected);
    announce(words.selected(this.#list.selectedCount));
  }

  // clear deselects all entries. It returns false if none is selected.
  clear() {
    const { selected } = this.#list;
    this.#list.select(selected, false);
    return selected.length > 0;
  }

  #render() {
    const n = this.#list.selectedCount;
    const focused = this.element.contains(document.activeElement);
    this.element.hidden = n === 0;
    if (n > 0) {
      this.#count.textContent = words.selected(n);
    } else if (focused) {
      this.#onEmpty(this.#last);
    }
  }
}
