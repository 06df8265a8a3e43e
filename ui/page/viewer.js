// The view shows one large image with its facts and actions. The view has its own URL, so
// a link can open it and Back closes it.

import * as api from "./api.js";
import { announce, button, el, ignoreDoubleClick, openModal } from "./dom.js";
import { dimensions, fullSizeURL, pictureElement, resizedURL } from "./image.js";
import { date, size } from "./intl.js";
import { copyButton, linkFormatChooser } from "./links.js";
import { setTitle } from "./title.js";
import { toast } from "./toast.js";
import { pushURL, replaceURL, urlParameters } from "./url.js";
import * as words from "./words.js";

const SWIPE = 50; // pixels that a finger must move
const FITTED = 1280; // pixels of the picture that fits the window
const FITTED_FINE = 2560; // the same for screens with small pixels
const PAGE_LOAD = performance.timeOrigin; // identifies this load of the page in history entries

// Viewer shows images in a dialog. Its callbacks are neighbour(image, step) and
// isHidden(filename) of the gallery, onDownload(images), onDelete(images),
// onRename(old, image) and onClose(image). Viewer calls onClose when the focus must move
// from the closed view to the card of the image.
export class Viewer {
  #callbacks;
  #image = null; // the open image, or null
  #openedWith = null; // the first image since the dialog was opened
  #zoomed = false;
  #name = el("h2", { id: "view-name", dir: "auto", tabindex: -1, autofocus: true });
  #stage = el("div", { class: "stage", role: "group", "aria-labelledby": "view-name" });
  #picture = null;
  #zoomButton = button(words.zoomIn, () => this.toggleZoom(), { icon: "zoom" });
  #previous = button(words.previous, () => this.#step(-1), { icon: "previous", kind: "previous" });
  #next = button(words.next, () => this.#step(1), { icon: "next", kind: "next" });
  #facts = el("dl");
  #actions = el("div", { class: "actions" });
  #dialog;

  constructor(callbacks) {
    this.#callbacks = callbacks;
    this.#dialog = el("dialog", { id: "view", "aria-labelledby": "view-name" },
      el("div", { class: "head" },
        this.#name, this.#zoomButton, button(words.close, () => this.close(), { icon: "close" })),
      el("div", { class: "frame" }, this.#previous, this.#stage, this.#next),
      el("div", { class: "foot" }, this.#actions, this.#facts));
    document.body.append(this.#dialog);
    this.#handlePointer();
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

  // close goes back to the gallery, as Back does.
  close() {
    this.#dialog.close();
  }

  // arrowKey opens a neighbour. If the image is larger than the window, arrowKey returns
  // false, because the arrow keys then scroll the image.
  arrowKey(step) {
    return !this.#zoomed && this.#step(step);
  }

  // toggleZoom shows the image in its full size, or fits it to the window.
  toggleZoom() {
    this.#setZoomed(!this.#zoomed);
    if (this.#zoomed) {
      const picture = pictureElement(this.#image, { src: fullSizeURL(this.#image) });
      picture.addEventListener("load", () => this.#scrollToCentre(), { once: true });
      this.#picture.replaceWith(picture);
      this.#picture = picture;
      if (document.activeElement !== this.#zoomButton) {
        this.#stage.focus();
      }
    }
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

  // render shows a button for each neighbour that exists.
  render() {
    if (this.#image) {
      const focused = document.activeElement;
      this.#previous.hidden = !this.#callbacks.neighbour(this.#image, -1);
      this.#next.hidden = !this.#callbacks.neighbour(this.#image, 1);
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

  #show(image) {
    this.#image = image;
    setTitle("image", image.filename);
    this.#name.textContent = image.filename;
    this.#picture = pictureElement(image, { src: resizedURL(image, FITTED), srcset: `${resizedURL(image, FITTED_FINE)} 2x` });
    this.#stage.replaceChildren(this.#picture);
    this.#facts.replaceChildren(...facts(image));
    this.#showActions(image);
    this.#setZoomed(false);
    this.render();
    if (!this.#dialog.open) {
      this.#openedWith = image;
      openModal(this.#dialog, () => this.#closed());
    }
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
    this.#stage.replaceChildren();
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

  #setZoomed(zoomed) {
    this.#zoomed = zoomed;
    this.#stage.classList.toggle("zoomed", zoomed);
    this.#stage.tabIndex = zoomed ? 0 : -1; // with a tab stop, people can scroll the image by keyboard
    const label = zoomed ? words.zoomOut : words.zoomIn;
    this.#zoomButton.title = label;
    this.#zoomButton.querySelector(".visually-hidden").textContent = label;
  }

  #scrollToCentre() {
    const { scrollWidth, clientWidth, scrollHeight, clientHeight } = this.#stage;
    this.#stage.scrollTo((scrollWidth - clientWidth) / 2, (scrollHeight - clientHeight) / 2);
  }

  // showActions shows the buttons with the actions for the image. If one of the old buttons
  // had the focus, one of the new buttons gets the focus.
  #showActions(image) {
    const focused = this.#actions.contains(document.activeElement);
    this.#actions.replaceChildren(
      copyButton(image),
      linkFormatChooser(),
      button(words.download, () => this.#callbacks.onDownload([image])),
      button(words.rename, () => this.#showRename(image)),
      button(words.remove, ignoreDoubleClick(() => this.delete()), { kind: "danger" }));
    if (focused) {
      this.#actions.querySelector("button").focus();
    }
  }

  // showRename shows a form for the new name instead of the buttons.
  #showRename(image) {
    const hide = () => this.#showActions(image);
    const input = el("input", {
      value: image.filename, "aria-label": words.newName, required: true, maxlength: 255, spellcheck: "false",
      onkeydown: (event) => {
        if (event.key === "Escape") {
          event.preventDefault(); // otherwise the key would close the dialog
          hide();
        }
      },
    });
    const error = el("p", { class: "error", role: "alert" });
    const onsubmit = async (event) => {
      event.preventDefault();
      const name = input.value.trim();
      if (name === image.filename) {
        hide();
        return;
      }
      try {
        await this.#rename(image, name);
      } catch ({ message }) {
        error.textContent = message;
        input.focus();
      }
    };
    this.#actions.replaceChildren(el("form", { class: "rename", onsubmit },
      input,
      el("button", { class: "primary" }, words.save),
      button(words.cancel, hide),
      error));
    input.focus();
    const dot = image.filename.lastIndexOf(".");
    input.setSelectionRange(0, dot > 0 ? dot : image.filename.length);
  }

  async #rename(image, name) {
    const renamed = await api.rename(image, name);
    this.#callbacks.onRename(image, renamed);
    if (this.#image === image) {
      this.open(renamed);
    }
    announce(words.renamedTo(renamed.filename));
  }

  // handlePointer handles swipes and clicks. A swipe opens a neighbour, unless the image is
  // larger than the window. A click zooms.
  #handlePointer() {
    let start = null;
    this.#stage.addEventListener("touchstart", (event) => {
      const fitted = event.touches.length === 1 && !this.#zoomed && visualViewport.scale === 1;
      start = fitted ? event.touches[0] : null;
    }, { passive: true });
    this.#stage.addEventListener("touchend", (event) => {
      const end = event.changedTouches[0];
      const [x, y] = start ? [end.clientX - start.clientX, end.clientY - start.clientY] : [0, 0];
      if (Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(y)) {
        this.#step(x < 0 ? 1 : -1);
      }
    });
    this.#stage.addEventListener("click", (event) => {
      if (event.target === this.#picture) {
        this.toggleZoom();
      }
    });
  }
}

// facts returns a term and a description for each known fact about an image.
function facts(image) {
  const known = {
    type: words.format(image.content_type),
    dimensions: dimensions(image),
    size: size(image.size),
    uploaded: date(image.uploaded_at),
    expires: image.expires_at && date(image.expires_at),
    digest: image.sha256,
  };
  return Object.entries(known).filter(([, value]) => value).map(([term, value]) =>
    el("div", { class: term }, el("dt", {}, words.facts[term]), el("dd", {}, value)));
}
