// The menu of the page: how the images are shown, the settings, and other parts of the page.

import { coloursChooser } from "./colours.js";
import { forgetDeleteLinks } from "./deletelinks.js";
import { chooser, el } from "./dom.js";
import { help } from "./help.js";
import { linkFormatChooser } from "./links.js";
import * as token from "./token.js";

// Menu opens below the button in the header. Its parts are "view", "settings" and "places".
export class Menu {
  #button = document.getElementById("menu-button");
  #parts = {};
  #element = el("div", { id: "menu", class: "menu", popover: "auto", role: "dialog", "aria-label": TEXT.menu });
  #signOut;

  constructor(gallery) {
    for (const name of ["view", "settings", "places"]) {
      this.#parts[name] = el("div", { class: name });
      this.#element.append(this.#parts[name]);
    }
    const sort = withID("sort", chooser(TEXT.sort, TEXT.orders, gallery.sort, (value) => { gallery.sort = value; }));
    this.add("view", row(TEXT.sort, sort));
    this.add("view", row(TEXT.pictureSize, segments("picture-size", TEXT.pictureSize, TEXT.pictureSizes, gallery.size)));
    this.add("view", row(TEXT.layout, segments("layout", TEXT.layout, TEXT.layouts, gallery.layout)));
    this.add("settings", row(TEXT.copyForm, withID("link-format", linkFormatChooser())));
    this.add("settings", row(TEXT.colours, withID("colours", coloursChooser())));
    this.add("places", this.item(TEXT.help, help));
    this.#signOut = this.item(TEXT.tokenForget, () => {
      token.forget();
      forgetDeleteLinks(); // they work without the token
      location.reload();
    });
    this.add("places", this.#signOut);
    this.#element.addEventListener("beforetoggle", (event) => {
      if (event.newState === "open") {
        sort.value = gallery.sort;
        this.#signOut.hidden = token.current() === "";
      }
    });
    this.#element.addEventListener("toggle", (event) => {
      this.#button.setAttribute("aria-expanded", String(event.newState === "open"));
      if (event.newState === "open") {
        sort.focus();
      }
    });
    this.#button.after(this.#element);
    this.#button.popoverTargetElement = this.#element;
  }

  // add puts an element at the end of a part.
  add(part, element) {
    this.#parts[part].append(element);
  }

  // onOpen calls the listener each time before the menu opens.
  onOpen(listener) {
    this.#element.addEventListener("beforetoggle", (event) => event.newState === "open" && listener());
  }

  // item makes a button for the part "places". It closes the menu, and calls action.
  item(text, action) {
    return el("button", {
      type: "button",
      onclick: () => {
        this.#element.hidePopover();
        action();
      },
    }, text);
  }
}

function withID(id, element) {
  element.id = id;
  return element;
}

// row makes a line of the menu: a label and a control, which has the label, too.
export function row(label, control) {
  return el("div", { class: "row" }, el("span", { "aria-hidden": "true" }, label), control);
}

// segments makes buttons for the values of a Setting, of which one is pressed.
export function segments(name, label, texts, setting) {
  const group = el("fieldset", { class: "segments", "aria-label": label });
  for (const [value, text] of Object.entries(texts)) {
    const radio = el("input", { type: "radio", name, value, onchange: () => { setting.value = value; } });
    setting.subscribe((chosen) => { radio.checked = chosen === value; });
    group.append(el("label", {}, radio, el("span", {}, text)));
  }
  return group;
}
