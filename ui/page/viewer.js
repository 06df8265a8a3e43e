// The view shows one large image with its actions, its details and its neighbours. The view
// has its own URL, so a link can open it and Back closes it.

import * as api from "./api.js";
import { Drawer } from "./drawer.js";
import { announce, button, el, ignoreDoubleClick, openModal } from "./dom.js";
import { Filmstrip } from "./filmstrip.js";
import { date } from "./intl.js";
import { copyButton } from "./links.js";
import { share } from "./share.js";
import { Stage } from "./stage.js";
import { setTitle } from "./title.js";
import { toast } from "./toast.js";
import { pushURL, replaceURL, urlParameters } from "./url.js";
import * as words from "./words.js";

const IDLE = 2500; // milliseconds without the mouse until the controls fade
const LEVEL = 900; // milliseconds that the view shows how far it is zoomed
const FORWARD = document.documentElement.dir === "rtl" ? -1 : 1; // the direction of the next image: 1 is to the right
const PAGE_LOAD = performance.timeOrigin; // identifies this load of the page in history entries

// Viewer shows images in a dialog. Its callbacks are neighbour(image, step) and
// isHidden(filename) of the gallery, onDownload(images), onDelete(images),
// onChange(old, image) and onClose(image). Viewer calls onChange when the image has another
// name or other bytes. It calls onClose when the focus must move from the closed view to the
// card of the image.
export class Viewer {
  #callbacks;
  #image = null; // the open image, or null
  #openedWith = null; // the first image since the dialog was opened
  #name = el("h2", { id: "view-name", dir: "auto", tabindex: -1, autofocus: true });
  #date = el("p", { class: "hint" });
  #stage;
  #strip;
  #drawer;
  #level = el("p", { class: "level", "aria-hidden": "true" });
  #levelTimer = 0;
  #idleTimer = 0;
  #zoomButton = button(TEXT.zoomIn, () => this.toggleZoom(), { icon: "zoom", kind: "zoom" });
  #detailsButton = button(TEXT.details, () => this.toggleDetails(), { icon: "info" });
  #shareButton = button(TEXT.share, () => share([this.#image], this.#shareButton), { icon: "share" });
  #previous = button(TEXT.previous, () => this.#step(-1), { icon: "previous", kind: "side previous" });
  #next = button(TEXT.next, () => this.#step(1), { icon: "next", kind: "side next" });
  #actions = el("div", { class: "actions" });
  #dialog;

  constructor(callbacks) {
    this.#callbacks = callbacks;
    this.#stage = new Stage({ "aria-labelledby": "view-name" }, {
      onSwipe: (direction) => this.#step(direction * FORWARD),
      onTap: () => this.#dialog.classList.toggle("bare"),
      onChange: () => this.#showLevel(),
    });
    this.#strip = new Filmstrip({ neighbour: callbacks.neighbour, onOpen: (image) => this.open(image) });
    this.#drawer = new Drawer({
      onChange: (old, image) => this.#changed(old, image),
      onClose: () => {
        this.toggleDetails();
        this.#detailsButton.focus();
      },
    });
    this.#detailsButton.setAttribute("aria-expanded", "false");
    this.#detailsButton.setAttribute("aria-controls", "details");
    this.#shareButton.setAttribute("aria-haspopup", "dialog");
    this.#dialog = el("dialog", { id: "view", "aria-labelledby": "view-name" },
      this.#stage.element,
      el("div", { class: "bar" },
        button(TEXT.close, () => this.close(), { icon: "close" }),
        el("div", { class: "title" }, this.#name, this.#date),
        this.#actions),
      this.#previous, this.#next, this.#level, this.#strip.element, this.#drawer.element);
    document.body.append(this.#dialog);
    this.#fadeControls();
    addEventListener("popstate", () => this.showFromURL());
  }

  // open shows the image and changes the URL of the page.
  open(image) {
    if (this.#image) {
      replaceURL({ image: image.filename });
    } else {
      pushURL({ image: image.filename }, { ...history.state, openedIn: PAGE_LOAD });
    }
    this.#show(image);
  }

  // showFromURL shows the image that the URL names, or closes the view.
  async showFromURL() {
    const { image: name } = urlParameters();
    if (!name) {
      this.close();
      return;
    }
    if (this.#image?.filename === name) {
      return;
    }
    let image;
    let problem = words.gone(name);
    try {
      image = await api.find(name);
    } catch (error) {
      problem = error.message;
    }
    if (urlParameters().image !== name) {
      return; // meanwhile the reader has opened or closed an image
    }
    if (image && !this.#callbacks.isHidden(name)) {
      this.#show(image);
      return;
    }
    this.close();
    replaceURL({ image: "" });
    toast(problem);
  }

  // showAgain opens an image whose deletion was undone, if the view is open.
  showAgain(image) {
    if (this.#image) {
      this.open(image);
    }
  }

  // close goes back to the gallery, as Back does.
  close() {
    this.#dialog.close();
  }

  // arrowKey handles an arrow key to the right (1) or to the left (-1). It opens a
  // neighbour. If the image is wider than the window, it first shows the rest of the image.
  arrowKey(direction) {
    return this.#stage.zoom.pan(direction, 0) || this.#step(direction * FORWARD);
  }

  // zoomKey runs a method of Zoom, and says how large the image is.
  zoomKey(method, ...values) {
    const { zoom } = this.#stage;
    zoom[method](...values);
    announce(words.zoomedTo(zoom.scale));
  }

  pan(step) {
    return this.#stage.zoom.pan(0, step);
  }

  // toggleZoom shows the image in its full size, or fits it to the window.
  toggleZoom() {
    this.#stage.zoom.toggle();
  }

  // toggleDetails shows or hides the details.
  toggleDetails() {
    this.#drawer.open = !this.#drawer.open;
    this.#detailsButton.setAttribute("aria-expanded", this.#drawer.open);
    this.#dialog.classList.toggle("detailed", this.#drawer.open);
  }

  // delete deletes the image and opens the next image, or the previous image.
  delete() {
    const image = this.#image;
    const next = this.#callbacks.neighbour(image, 1) ?? this.#callbacks.neighbour(image, -1);
    this.#callbacks.onDelete([image]);
    if (next) {
      this.open(next);
    } else {
      this.close();
    }
  }

  // render shows a button and a small picture for each neighbour that exists.
  render() {
    if (this.#image) {
      const focused = document.activeElement;
      this.#previous.hidden = !this.#callbacks.neighbour(this.#image, -1);
      this.#next.hidden = !this.#callbacks.neighbour(this.#image, 1);
      this.#strip.show(this.#image);
      if (focused.hidden) {
        this.#name.focus();
      }
    }
  }

  // step opens the image that is this number of places after the open image.
  #step(step) {
    const image = this.#image && this.#callbacks.neighbour(this.#image, step);
    if (image) {
      this.open(image);
      announce(image.filename);
    }
  }

  #changed(old, image) {
    this.#callbacks.onChange(old, image);
    if (this.#image === old) {
      this.open(image);
    }
  }

  #show(image) {
    this.#image = image;
    setTitle("image", image.filename);
    this.#name.textContent = image.filename;
    this.#name.title = image.filename;
    this.#date.textContent = date(image.uploaded_at);
    this.#drawer.show(image);
    this.#showActions(image);
    if (!this.#dialog.open) {
      this.#openedWith = image;
      this.#dialog.classList.remove("bare", "idle");
      openModal(this.#dialog, () => this.#closed());
    }
    this.#stage.show(image, [1, -1].map((step) => this.#callbacks.neighbour(image, step)).filter(Boolean));
    this.render();
  }

  // closed runs after the dialog is closed, and removes the image from the URL. It calls
  // onClose if the reader has opened another image in the view, or if the browser has not
  // moved the focus back into the page.
  #closed() {
    const image = this.#image;
    if (!image) {
      return;
    }
    this.#image = null;
    setTitle("image", "");
    this.#stage.clear();
    if (urlParameters().image === image.filename) {
      // Back to an entry of an earlier load would load the page again.
      if (history.state?.openedIn === PAGE_LOAD) {
        history.back();
      } else {
        replaceURL({ image: "" });
      }
    }
    const focused = document.activeElement;
    if (image !== this.#openedWith || focused === document.body || this.#dialog.contains(focused)) {
      this.#callbacks.onClose(image);
    }
  }

  // showActions shows the buttons with the actions for the image. If one of the old buttons
  // had the focus, the new button in its place gets the focus.
  #showActions(image) {
    const focused = [...this.#actions.children].indexOf(document.activeElement);
    this.#actions.replaceChildren(
      copyButton(image),
      this.#shareButton,
      this.#zoomButton,
      this.#detailsButton,
      button(TEXT.download, () => this.#callbacks.onDownload([image]), { icon: "download" }),
      button(TEXT.remove, ignoreDoubleClick(() => this.delete()), { icon: "remove", kind: "danger" }));
    this.#actions.children[focused]?.focus();
  }

  // showLevel shows for a moment how far the view is zoomed.
  #showLevel() {
    const { zoom } = this.#stage;
    const label = zoom.zoomed ? TEXT.zoomOut : TEXT.zoomIn;
    this.#zoomButton.title = label;
    this.#zoomButton.querySelector(".visually-hidden").textContent = label;
    this.#level.textContent = words.zoomedTo(zoom.scale);
    this.#level.classList.toggle("seen", this.#dialog.open && zoom.touched);
    clearTimeout(this.#levelTimer);
    this.#levelTimer = setTimeout(() => this.#level.classList.remove("seen"), LEVEL);
  }

  // fadeControls hides the controls while the mouse does not move. They stay while the
  // pointer or the focus is on them, while the details or the links are open, for people who
  // use keys, and for people who want reduced motion. After a tap on the picture, the browser
  // moves the focus to the dialog. That does not show the controls.
  #fadeControls() {
    const dialog = this.#dialog;
    const stay = () => matchMedia("(prefers-reduced-motion: reduce)").matches || this.#drawer.open ||
      dialog.querySelector(":popover-open, .toast, :is(button, input):is(:hover, :focus-visible)");
    const wake = (event) => {
      clearTimeout(this.#idleTimer);
      dialog.classList.remove("idle");
      if (event.pointerType === "mouse") {
        this.#idleTimer = setTimeout(() => dialog.classList.toggle("idle", !stay()), IDLE);
      } else if (event.type === "keydown" || event.target.matches("button, input")) {
        dialog.classList.remove("bare");
      }
    };
    ["pointermove", "pointerdown", "keydown", "focusin"].forEach((type) => dialog.addEventListener(type, wake));
  }
}
