// Runs before the first paint, so that nothing flashes or moves: it sets the colours
// that were chosen, and style.css turns the form into the drop zone. The server
// bundles it as a classic script, because modules run after the whole document.

import { readItem } from "./storage.js";

document.documentElement.classList.add("scripted");
const colours = readItem("localStorage", "colours"); // stored by colours.js
if (colours === "light" || colours === "dark") {
  document.documentElement.dataset.colours = colours;
}
const token = readItem("sessionStorage", "token") || readItem("localStorage", "token"); // stored by token.js

// The first page of the list is requested while main.js is still being loaded.
// api.js uses the response instead of making the same request.
if (location.search === "" && !token) {
  const url = "images?limit=24";
  const response = fetch(url).then(async (r) => ({
    status: r.status, text: await r.text(), retryAfter: Number(r.headers.get("Retry-After")) || 0,
  })).catch(() => null);
  globalThis.early = { url, response };
}
