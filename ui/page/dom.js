// The one way the page makes elements: from text and nodes, never from markup.

import { icon } from "./icons.js";
import * as words from "./words.js";

// el makes an element. A function among the attributes becomes the listener
// for the event it is named after (onclick), true an empty attribute; false,
// null and undefined are left out, also among the children.
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(name.slice(2), value);
    } else if (value === true) {
      element.setAttribute(name, "");
    } else if (value !== false && value != null) {
      element.setAttribute(name, value);
    }
  }
  element.append(...children.filter((child) => child !== false && child != null));
  return element;
}

// button makes a button. Where many alike stand on the page, about says to
// people who do not see it which of them this is. With an icon the text is
// seen by nobody, but read out and shown as a hint.
export function button(text, onclick, { about, kind, icon: symbol } = {}) {
  const hidden = about && unseen(words.about(about));
  if (symbol) {
    return el("button", { type: "button", class: `icon-button ${kind ?? ""}`, title: text, onclick }, icon(symbol), unseen(text), hidden);
  }
  return el("button", { type: "button", class: kind, onclick }, text, hidden);
}

// single keeps act from the second click of a double click, which meets what
// came into the place of the first: the button of another image.
export function single(act) {
  return (event) => event.detail < 2 && act();
}

// unseen is text for people who do not see the page.
export function unseen(text) {
  return el("span", { class: "unseen" }, text);
}

// chooser makes a labelled list to choose from. texts has a text for each
// value; chosen is called with the one taken.
export function chooser(label, texts, value, chosen) {
  const options = Object.entries(texts).map(([key, text]) => el("option", { value: key, selected: key === value }, text));
  const select = el("select", { "aria-label": label, title: label, onchange: () => chosen(select.value) }, ...options);
  return select;
}

// settingChooser is a chooser for a Setting, wherever else that is changed.
export function settingChooser(label, texts, setting) {
  const select = chooser(label, texts, setting.value, (value) => { setting.value = value; });
  setting.watch((value) => { select.value = value; });
  return select;
}

// announce has a screen reader say text when it is done with what it says now.
// A line of its own is spoken even when it equals the one before. Beside a
// modal dialog nothing is heard, so the region goes into the one that is open.
export function announce(text) {
  const region = document.getElementById("announcements");
  hoist(region);
  region.append(el("p", {}, text));
  while (region.childElementCount > 5) {
    region.firstElementChild.remove();
  }
}

// hoist puts an element where people can get at it: into the modal dialog that
// is on top, if one is open, since all else is inert then.
export function hoist(element) {
  const place = topDialog() ?? document.body;
  if (element.parentElement !== place) {
    place.append(element);
  }
}

// topDialog returns the dialog that is open above all others, or undefined.
// Each opens above those before it in the document.
export function topDialog() {
  return [...document.querySelectorAll("dialog[open]")].at(-1);
}

// closeDialogs has people see what is behind them.
export function closeDialogs() {
  document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
}

// modal opens a dialog. What is to be seen and heard meanwhile comes along, and
// goes back before closed is called.
export function modal(dialog, closed) {
  const lift = () => ["toasts", "announcements"].forEach((id) => hoist(document.getElementById(id)));
  const over = () => {
    if (!dialog.open) { // opened again already
      dialog.removeEventListener("close", over);
      lift();
      closed();
    }
  };
  dialog.addEventListener("close", over);
  dialog.showModal();
  lift();
}

// sheet shows a dialog that is made anew each time.
export function sheet(dialog) {
  document.body.append(dialog);
  modal(dialog, () => dialog.remove());
}
