// The tab's title: how far the uploads are, which image is open, the page.

import * as words from "./words.js";

const parts = { progress: "", image: "" };

// title sets one of the parts; an empty text takes it away.
export function title(part, text) {
  parts[part] = text;
  document.title = [parts.progress, parts.image, words.page].filter(Boolean).join(" · ");
}
