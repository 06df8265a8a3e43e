// The access token. The page asks for the token once, and stores it for this tab or on
// this device.

import { announce, closeDialogs, el } from "./dom.js";
import { readItem, writeItem } from "./storage.js";

const KEY = "token";
const AREAS = ["sessionStorage", "localStorage"];

let token = storedToken();
let asking = null; // the promise of the form on the page, or null

// current returns the token to send. The token is empty if the page has none.
export function current() {
  return token;
}

// header returns the header of a request with the token, in the form that fetch accepts
// (RFC 6750).
export function header() {
  return token === "" ? {} : { Authorization: `Bearer ${token}` };
}

// forget deletes the stored token. This page still uses the token until it is reloaded.
export function forget() {
  AREAS.forEach((area) => writeItem(area, KEY, ""));
}

// ask resolves when the page has another token than refused, which the server did not
// accept. If several requests ask, the page shows only one form.
export function ask(refused) {
  if (token === refused) {
    AREAS.filter((area) => readItem(area, KEY) === refused).forEach((area) => writeItem(area, KEY, ""));
    token = storedToken(); // the reader may have entered the right token in another tab
  }
  if (token !== "" && token !== refused) {
    return Promise.resolve();
  }
  asking ??= showForm(refused !== "").then(({ entered, remember }) => {
    asking = null;
    token = entered;
    writeItem(remember ? "localStorage" : "sessionStorage", KEY, entered);
  });
  return asking;
}

function storedToken() {
  return AREAS.map((area) => readItem(area, KEY)).find(Boolean) ?? "";
}

// showForm resolves with the entered token. It closes open dialogs, because they would
// cover the form. wrong says that the server did not accept the last token.
function showForm(wrong) {
  return new Promise((resolve) => {
    const input = el("input", {
      id: "token-input",
      type: "password",
      autocomplete: "current-password",
      required: true,
      pattern: "\\s*[!-~]+\\s*", // the characters that an HTTP header can have
      title: TEXT.tokenCharacters,
      "aria-describedby": "token-hint",
      "aria-invalid": wrong && "true",
    });
    const remember = el("input", { type: "checkbox" });
    const onsubmit = (event) => {
      event.preventDefault();
      panel.remove();
      resolve({ entered: input.value.trim(), remember: remember.checked });
    };
    const panel = el("form", { class: "panel", onsubmit },
      el("h2", {}, TEXT.tokenTitle),
      el("p", { id: "token-hint", class: wrong ? "error" : "hint" }, wrong ? TEXT.tokenWrong : TEXT.tokenHint),
      el("label", { for: "token-input" }, TEXT.tokenLabel),
      input,
      el("label", { class: "check" }, remember, TEXT.tokenKeep),
      el("button", { class: "primary" }, TEXT.tokenSubmit));
    closeDialogs();
    document.getElementById("token").append(panel);
    input.focus();
    announce(wrong ? TEXT.tokenWrong : TEXT.tokenTitle);
  });
}
