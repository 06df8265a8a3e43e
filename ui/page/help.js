// The help: how to use this server without the page, and the keys.

import { button, el, showSheet } from "./dom.js";
import { singleKeys } from "./keys.js";
import * as token from "./token.js";
import * as words from "./words.js";

// help shows the help in a dialog.
export function help() {
  const dialog = el("dialog", { class: "sheet", id: "help", "aria-labelledby": "help-title" },
    el("div", { class: "head" },
      el("h2", { id: "help-title", tabindex: -1, autofocus: true }, words.help),
      button(words.close, () => dialog.close(), { icon: "close" })),
    section(words.helpTerminal, ...terminal()),
    section(words.helpPage, code(snippet())),
    section(words.helpShareX, ...sharex()),
    section(words.helpOperator, ...manual()),
    section(words.helpKeys, keyList(), keySwitch()));
  showSheet(dialog);
}

function section(title, ...children) {
  return el("section", {}, el("h3", {}, title), ...children);
}

function code(text) {
  // With a tab stop, people can scroll the sheet by keyboard.
  return el("pre", { tabindex: 0 }, el("code", {}, text));
}

// serverURL returns the URL of the server, with a slash at the end.
function serverURL() {
  return new URL(".", location.href).href;
}

function terminal() {
  const base = serverURL();
  const auth = token.current() === "" ? "" : " -H 'Authorization: Bearer YOUR-TOKEN'";
  const lines = {
    [words.helpUpload]: `curl -F file=@cat.png${auth} ${base}upload`,
    [words.helpRetrieve]: `curl -O ${base}images/cat.png`,
    [words.helpSmall]: `curl -o small.png '${base}images/cat.png?w=320'`,
    [words.helpExact]: `curl -T cat.png${auth} ${base}images/`,
    [words.helpList]: `curl${auth} ${base}images`,
  };
  return Object.entries(lines).flatMap(([what, line]) => [el("p", {}, what), code(line)]);
}

function snippet() {
  const base = serverURL();
  const headers = token.current() === "" ? "" : ",\n  headers: {Authorization: 'Bearer YOUR-TOKEN'}";
  return `const form = new FormData();
form.append('file', input.files[0]);
const response = await fetch('${base}upload', {
  method: 'POST', body: form${headers}
});
const answer = await response.json();
if (!response.ok) throw new Error(answer.message);
img.src = '${base}images/' + encodeURIComponent(answer.filename);`;
}

function sharex() {
  return [
    el("p", {}, el("a", { href: "sharex.sxcu", download: "" }, words.helpShareXFile), ". ", words.helpShareXThen),
    token.current() !== "" && el("p", {}, words.helpShareXToken),
  ].filter(Boolean);
}

// manual shows the commands that print the manual in the program. main.go has the same
// topics.
function manual() {
  const topics = Object.entries(words.helpTopics).map(([topic, about]) => `imageserver help ${topic.padEnd(8)}  # ${about}`);
  return [
    el("p", {}, words.helpManual),
    code(["imageserver help", ...topics].join("\n")),
    el("p", {}, el("a", { href: "openapi.json" }, words.helpOpenAPI)),
  ];
}

function keyList() {
  return el("dl", { class: "keys" }, ...Object.entries(words.keys).map(([key, what]) =>
    el("div", {}, el("dt", {}, el("kbd", {}, key)), el("dd", {}, what))));
}

function keySwitch() {
  const box = el("input", { type: "checkbox", checked: singleKeys.value === "on", onchange: () => { singleKeys.value = box.checked ? "on" : "off"; } });
  return el("label", { class: "check" }, box, words.keysOn);
}
