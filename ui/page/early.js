// Runs before the first paint, so that nothing flashes or jumps: the page
// takes the colours chosen last time, and the form's place becomes the drop
// zone's. The server sends it with what it imports as a classic script, because
// modules wait for the whole document.

import { recall } from "./storage.js";

document.documentElement.classList.add("scripted");
const colours = recall("localStorage", "colours"); // colours.js keeps it
if (colours === "light" || colours === "dark") {
  document.documentElement.dataset.colours = colours;
}
const token = recall("sessionStorage", "token") || recall("localStorage", "token"); // token.js keeps it

// The start of the list is asked for while main.js is still on its way. api.js
// takes the answer when it would ask the same.
if (location.search === "" && !token) {
  const url = "images?limit=24";
  const answer = fetch(url).then(async (response) => ({
    status: response.status, text: await response.text(), wait: Number(response.headers.get("Retry-After")) || 0,
  })).catch(() => null);
  globalThis.early = { url, answer };
}
