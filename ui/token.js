// The access token: asked for once, kept for this tab.

import { announce, el } from "./dom.js";
import * as words from "./words.js";

const KEY = "token";

let token = stored();
let asking = null; // the promise of the form on the page, or null

// current returns the token to send, empty when there is none.
export function current() {
  return token;
}

// ask resolves when there is a token other than refused, the one the server
// did not take. However many requests ask at a time, there is one form.
export function ask(refused) {
  if (token !== refused) {
    return Promise.resolve();
  }
  asking ??= form(refused !== "").then((entered) => {
    asking = null;
    token = entered;
    store(entered);
  });
  return asking;
}

// form shows the form and resolves with what was entered.
function form(wrong) {
  return new Promise((resolve) => {
    const input = el("input", {
      id: "token-input",
      type: "password",
      autocomplete: "current-password",
      required: true,
      pattern: "\\s*[!-~]+\\s*", // what an HTTP header can carry
      title: words.tokenCharacters,
      "aria-describedby": "token-hint",
      "aria-invalid": wrong && "true",
    });
    const submit = (event) => {
      event.preventDefault();
      panel.remove();
      resolve(input.value.trim());
    };
    const panel = el("form", { class: "panel", onsubmit: submit },
      el("h2", {}, words.tokenTitle),
      el("p", { id: "token-hint", class: wrong ? "error" : "hint" }, wrong ? words.tokenWrong : words.tokenHint),
      el("label", { for: "token-input" }, words.tokenLabel),
      el("div", { class: "actions" }, input, el("button", { class: "primary" }, words.tokenSubmit)));
    document.getElementById("token").append(panel);
    input.focus();
    announce(wrong ? words.tokenWrong : words.tokenTitle);
  });
}

// A browser that forbids storage asks again after a reload, no more.
function stored() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

function store(value) {
  try {
    sessionStorage.setItem(KEY, value);
  } catch {
    // see stored
  }
}
