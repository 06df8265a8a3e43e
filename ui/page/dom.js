// Makes elements and shows dialogs. It makes elements from text and nodes, never from
// markup.

import { icon } from "./icons.js";
import * as words from "./words.js";

// el makes an element. An attribute that is a function becomes a listener for the
// event in its name (onclick). true becomes an empty attribute. el ignores attributes and
// children that are false, null or undefined.
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

// setText changes the text of an element. It does not touch an element that has the text
// already, so that a reader's selection and a screen reader's place stay.
export function setText(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

// swap fills a slot with the element that make() returns. If the slot has the content of
// this key already, swap does nothing: the reader may be clicking on it. make may return
// null for no content. If the old content had the focus, the first control of the new
// content gets the focus. The slot has its key in the attribute data-shows.
export function swap(slot, key, make) {
  if (slot.dataset.shows === key) {
    return;
  }
  const focused = slot.contains(document.activeElement);
  slot.dataset.shows = key;
  slot.replaceChildren(...[make()].flat().filter(Boolean));
  if (focused) {
    (slot.querySelector("a, button") ?? slot.closest("[tabindex]"))?.focus();
  }
}

// patch makes the elements the children of parent, in this order. It does not touch an
// element that is in its place already. If it moves the element with the focus, the element
// keeps the focus.
export function patch(parent, elements) {
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const staying = new Set(elements);
  [...parent.children].filter((child) => !staying.has(child)).forEach((child) => child.remove());
  let next = parent.firstElementChild;
  for (const element of elements) {
    if (element === next) {
      next = next.nextElementSibling;
    } else {
      parent.insertBefore(element, next);
    }
  }
  if (focused?.isConnected && focused !== document.activeElement) {
    focused.focus({ preventScroll: true });
  }
}

// button makes a button. about is the name of the image or file that the button belongs
// to. Screen readers need the name if many images have the same button. If the button has
// an icon, the text is its label and its tooltip.
export function button(text, onclick, { about, kind, icon: symbol } = {}) {
  const hidden = about && screenReaderText(words.about(about));
  if (symbol) {
    return el("button", { type: "button", class: `icon-button ${kind ?? ""}`, title: text, onclick }, icon(symbol), screenReaderText(text), hidden);
  }
  return el("button", { type: "button", class: kind, onclick }, text, hidden);
}

// ignoreDoubleClick returns a click listener that ignores the second click of a
// double click. After the first click, the button of another image may be in this place.
export function ignoreDoubleClick(action) {
  return (event) => event.detail < 2 && action();
}

// screenReaderText makes text that only screen readers show.
export function screenReaderText(text) {
  return el("span", { class: "visually-hidden" }, text);
}

// chooser makes a select element. texts has the text of each value. chooser calls onChange
// with the chosen value.
export function chooser(label, texts, value, onChange) {
  const options = Object.entries(texts).map(([key, text]) => el("option", { value: key, selected: key === value }, text));
  const select = el("select", { "aria-label": label, title: label, onchange: () => onChange(select.value) }, ...options);
  return select;
}

// settingChooser makes a select element for a Setting. If another part of the page changes
// the Setting, the element shows the new value.
export function settingChooser(label, texts, setting) {
  const select = chooser(label, texts, setting.value, (value) => { setting.value = value; });
  setting.subscribe((value) => { select.value = value; });
  return select;
}

// onResize calls action in the frame after each change of the size of an element. In the same
// frame, action could change the size again. Browsers report that as an error, because it could
// go on forever.
export function onResize(element, action) {
  new ResizeObserver(() => requestAnimationFrame(action)).observe(element);
}

// announce makes a screen reader say text when it has said the earlier texts. Each text is
// a new element, so that a screen reader says the same text again. The live region moves
// into an open modal dialog, because screen readers ignore everything outside the dialog.
export function announce(text) {
  const region = document.getElementById("announcements");
  moveToTopDialog(region);
  region.append(el("p", {}, text));
  while (region.childElementCount > 5) {
    region.firstElementChild.remove();
  }
}

// moveToTopDialog moves an element into the top modal dialog, or into the body if no
// dialog is open. Everything outside an open modal dialog is inert.
export function moveToTopDialog(element) {
  const parent = topDialog() ?? document.body;
  if (element.parentElement !== parent) {
    parent.append(element);
  }
}

// topDialog returns the open dialog that is above all other dialogs, or undefined. The
// document has the dialogs in the order in which they are opened.
export function topDialog() {
  return [...document.querySelectorAll("dialog[open]")].at(-1);
}

// closeDialogs closes all dialogs, so that people see the page behind the dialogs.
export function closeDialogs() {
  document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
}

// openModal opens a dialog, and calls onClose when it is closed. The messages and
// the live region move into the dialog. Before openModal calls onClose, they move back.
export function openModal(dialog, onClose) {
  const moveRegions = () => ["toasts", "announcements"].forEach((id) => moveToTopDialog(document.getElementById(id)));
  const closed = () => {
    if (!dialog.open) { // otherwise the dialog was opened again meanwhile
      dialog.removeEventListener("close", closed);
      moveRegions();
      onClose();
    }
  };
  dialog.addEventListener("close", closed);
  dialog.showModal();
  moveRegions();
}

// showSheet shows a dialog that is made for one use.
export function showSheet(dialog) {
  document.body.append(dialog);
  openModal(dialog, () => dialog.remove());
}
