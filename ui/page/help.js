// The help: how to share and delete images, the keys, and how to use this server without the
// page.

import { button, el, showSheet } from "./dom.js";
import { singleKeys } from "./keys.js";
import { currentLimits, limitsKnown, typeNames } from "./limits.js";
import { copyTextButton } from "./links.js";
import * as token from "./token.js";
import * as words from "./words.js";

// help shows the help in a dialog. The dialog has the facts about the server as soon as the
// page knows them.
export function help() {
  const about = el("div", { class: "sections" });
  limitsKnown().then(() => about.append(...aboutServer(currentLimits())));
  const dialog = el("dialog", { class: "sheet", id: "help", "aria-labelledby": "help-title" },
    el("div", { class: "head" },
      el("h2", { id: "help-title", tabindex: -1, autofocus: true }, TEXT.help),
      button(TEXT.close, () => dialog.close(), { icon: "close" })),
    section(TEXT.helpShare, paragraph(TEXT.helpLinks), paragraph(TEXT.helpManyLinks)),
    about,
    section(TEXT.helpKeys, keyList(), keySwitch()),
    el("details", {},
      el("summary", {}, el("h3", {}, TEXT.helpDevelopers)),
      el("div", { class: "sections" },
        subsection(TEXT.helpTerminal, ...terminal()),
        subsection(TEXT.helpPage, code(TEXT.helpPage, snippet())),
        subsection(TEXT.helpShareX, ...sharex()),
        subsection(TEXT.helpOperator, ...manual()))));
  showSheet(dialog);
}

// aboutServer makes the sections that depend on the limits of the server. limits is null if
// the page does not know them.
function aboutServer(limits) {
  return [
    section(TEXT.helpDelete, paragraph(TEXT.helpUndo), limits && paragraph(words.helpTrash(limits.trash))),
    limits && section(TEXT.helpLimits,
      paragraph(words.helpTypes(typeNames(limits.types), limits.max_upload)),
      paragraph(words.helpBytes(limits.strip))),
    section(TEXT.helpPrivacy, paragraph(TEXT.helpSeen), limits && paragraph(words.helpAccess(limits.token))),
  ].filter(Boolean);
}

function section(title, ...children) {
  return el("section", {}, el("h3", {}, title), ...children);
}

function subsection(title, ...children) {
  return el("section", {}, el("h4", {}, title), ...children);
}

function paragraph(text) {
  return el("p", {}, text);
}

// code shows lines for a program, with a button that copies them. label says what the lines
// do.
function code(label, text) {
  // With a tab stop, people can scroll the lines by keyboard.
  return el("div", { class: "code", dir: "ltr" },
    el("pre", { tabindex: 0 }, el("code", {}, text)),
    copyTextButton(text, label));
}

// serverURL returns the URL of the server, with a slash at the end.
function serverURL() {
  return new URL(".", location.href).href;
}

function terminal() {
  const base = serverURL();
  const auth = token.current() === "" ? "" : " -H 'Authorization: Bearer YOUR-TOKEN'";
  const lines = {
    [TEXT.helpUpload]: `curl -F file=@cat.png${auth} ${base}upload`,
    [TEXT.helpRetrieve]: `curl -O ${base}images/cat.png`,
    [TEXT.helpSmall]: `curl -o small.png '${base}images/cat.png?w=320'`,
    [TEXT.helpExact]: `curl -T cat.png${auth} ${base}images/`,
    [TEXT.helpList]: `curl${auth} ${base}images`,
  };
  return Object.entries(lines).flatMap(([what, line]) => [paragraph(what), code(what, line)]);
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
    el("p", {}, el("a", { href: "sharex.sxcu", download: "" }, TEXT.helpShareXFile)),
    paragraph(TEXT.helpShareXThen),
    token.current() !== "" && paragraph(TEXT.helpShareXToken),
  ];
}

// manual shows the command that prints the manual in the program.
function manual() {
  return [
    paragraph(TEXT.helpManual),
    code(TEXT.helpOperator, "imageserver help"),
    el("p", {}, el("a", { href: "openapi.json" }, TEXT.helpOpenAPI)),
  ];
}

function keyList() {
  return el("dl", { class: "keys" }, ...Object.entries(words.keys).map(([key, what]) =>
    el("div", {}, el("dt", {}, el("kbd", {}, key)), el("dd", {}, what))));
}

function keySwitch() {
  const box = el("input", { type: "checkbox", checked: singleKeys.value === "on", onchange: () => { singleKeys.value = box.checked ? "on" : "off"; } });
  return el("label", { class: "check" }, box, TEXT.keysOn);
}
