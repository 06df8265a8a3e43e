// The title of the tab: the progress of the uploads, the name of the open image, and the
// name of the page.


const parts = { progress: "", image: "" };

// setTitle sets one part, "progress" or "image". An empty text removes it.
export function setTitle(part, text) {
  parts[part] = text;
  document.title = [parts.progress, parts.image, TEXT.page].filter(Boolean).join(" · ");
}
