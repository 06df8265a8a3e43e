// The number of images on the server and the space that they use, in the menu.

import * as api from "./api.js";
import { el } from "./dom.js";
import * as words from "./words.js";

// Usage shows how much is stored. It calls onCount with the number of images.
export class Usage {
  element = el("p", { class: "hint usage" });
  #onCount;

  constructor(onCount) {
    this.#onCount = onCount;
  }

  // refresh requests the numbers again. If the request fails, the page keeps the last numbers.
  async refresh() {
    const usage = await api.usage().catch(() => null);
    if (!usage) {
      return;
    }
    this.element.replaceChildren(
      el("span", {}, words.stored(usage.image_count, usage.image_bytes)),
      usage.trash_count > 0 && el("span", {}, words.inTrashCount(usage.trash_count)) || "");
    this.#onCount(usage.image_count);
  }
}
