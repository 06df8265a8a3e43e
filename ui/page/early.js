// Runs before the browser first paints the page, so that nothing flashes or moves. It sets
// the chosen colours, and style.css turns the form into the drop zone. The server bundles
// this file as a classic script, because a module runs only after the whole document.

import { readItem } from "./storage.js";

document.documentElement.classList.add("scripted");
const colours = readItem("localStorage", "colours"); // stored by colours.js
if (colours === "light" || colours === "dark") {
  document.documentElement.dataset.colours = colours;
}
const token = readItem("sessionStorage", "token") || readItem("localStorage", "token"); // stored by token.js

// Request the first page of the list and the limits while the browser is still loading
// main.js. api.js uses the responses instead of sending the same requests.
if (location.search === "" && !token) {
  globalThis.early = Object.fromEntries(["images?limit=24", "limits"].map((url) => [url, fetch(url).then(async (r) => ({
    status: r.status, text: await r.text(), retryAfter: Number(r.headers.get("Retry-After")) || 0,
  })).catch(() => null)]));
}
