// Runs before the first paint, so that nothing flashes or jumps: the page
// takes the colours chosen last time, and the form's place becomes the drop
// zone's. A classic script, because modules wait for the whole document.

document.documentElement.classList.add("scripted");
let token = "";
try {
  const colours = localStorage.getItem("colours"); // colours.js keeps it
  if (colours === "light" || colours === "dark") {
    document.documentElement.dataset.colours = colours;
  }
  token = sessionStorage.getItem("token") || localStorage.getItem("token"); // token.js keeps it
} catch {
  // Without storage the page follows the system.
}

// The start of the list is asked for while main.js is still on its way. api.js
// takes the answer when it would ask the same.
if (location.search === "" && !token) {
  const url = "/images?limit=24";
  const answer = fetch(url).then(async (response) => ({
    status: response.status, text: await response.text(), wait: Number(response.headers.get("Retry-After")) || 0,
  })).catch(() => null);
  globalThis.early = { url, answer };
}
