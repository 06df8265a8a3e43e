// The access token: asked for once, kept for this tab or on this machine.

import { announce, closeDialogs, el } from "./dom.js";
import { keep, recall } from "./storage.js";
import * as words from "./words.js";

const KEY = "token";
const AREAS = ["sessionStorage", "localStorage"];

let token = kept();
let asking = null; // the promise of the form on the page, or null

// current returns the token to send, empty when there is none.
export function current() {
  return token;
}

// header returns what a request carries, as fetch takes it (RFC 6750).
export function header() {
  return token === "" ? {} : { Authorization: `Bearer ${token}` };
}

// forget takes the token away wherever it is kept. This page still has it.
export function forget() {
  AREAS.forEach((area) => keep(area, KEY, ""));
}

// ask resolves when there is a token other than refused, the one the server
// did not take. However many requests ask at a time, there is one form.
export function ask(refused) {
  if (token === refused) {
    AREAS.filter((area) => recall(area, KEY) === refused).forEach((area) => keep(area, KEY, ""));
    token = kept(); // another tab may have been given a better one
  }
  if (token !== "" && token !== refused) {
    return Promise.resolve();
  }
  asking ??= form(refused !== "").then(({ entered, stays }) => {
    asking = null;
    token = entered;
    keep(stays ? "localStorage" : "sessionStorage", KEY, entered);
  });
  return asking;
}

function kept() {
  return AREAS.map((area) => recall(area, KEY)).find(Boolean) ?? "";
}

// form shows the form and resolves with what was entered. A dialog that is open
// closes, for the form is behind it.
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
    const stays = el("input", { type: "checkbox" });
    const submit = (event) => {
      event.preventDefault();
      panel.remove();
      resolve({ entered: input.value.trim(), stays: stays.checked });
    };
    const panel = el("form", { class: "panel", onsubmit: submit },
      el("h2", {}, words.tokenTitle),
      el("p", { id: "token-hint", class: wrong ? "error" : "hint" }, wrong ? words.tokenWrong : words.tokenHint),
      el("label", { for: "token-input" }, words.tokenLabel),
      input,
      el("label", { class: "check" }, stays, words.tokenKeep),
      el("button", { class: "primary" }, words.tokenSubmit));
    closeDialogs();
    document.getElementById("token").append(panel);
    input.focus();
    announce(wrong ? words.tokenWrong : words.tokenTitle);
  });
}
