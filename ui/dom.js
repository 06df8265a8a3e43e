// The one way the page makes elements: from text and nodes, never from markup.

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
// people who do not see it which of them this is.
export function button(text, onclick, { about, kind } = {}) {
  const hidden = about && el("span", { class: "unseen" }, words.about(about));
  return el("button", { type: "button", class: kind, onclick }, text, hidden);
}

// announce has a screen reader say text when it is done with what it says now.
// A line of its own is spoken even when it equals the one before.
export function announce(text) {
  const lines = document.getElementById("announcements");
  lines.append(el("p", {}, text));
  while (lines.childElementCount > 5) {
    lines.firstElementChild.remove();
  }
}
