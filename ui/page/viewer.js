// One image, large, with all that is known of it and can be done with it. It
// has a URL of its own, so a link leads to it and Back leads out of it.

import { address, amend, visit } from "./address.js";
import * as api from "./api.js";
import { announce, button, el, modal, single } from "./dom.js";
import { dimensions, full, resized, shown } from "./image.js";
import { date, size } from "./intl.js";
import { copyButton, formChooser } from "./links.js";
import { title } from "./title.js";
import { toast } from "./toast.js";
import * as words from "./words.js";

const SWIPE = 50; // pixels
const HERE = performance.timeOrigin; // this visit: Back to one before it loads the page anew

// Viewer shows images in a dialog. does has beside(image, step), as the gallery
// has it, hides(filename), which says of an image that it is not to be seen now,
// download(images), remove(images), renamed(image, became), and closed(image),
// called with the image that was open last when the focus has to go to it.
export class Viewer {
  #does;
  #image = null; // the one that is open
  #opened = null; // the one that the dialog was opened with
  #name = el("h2", { id: "view-name", dir: "auto", tabindex: -1, autofocus: true });
  #stage = el("div", { class: "stage", role: "group", "aria-labelledby": "view-name" });
  #picture = null;
  #zoom = button(words.zoomIn, () => this.zoom(), { icon: "zoom" });
  #previous = button(words.previous, () => this.step(-1), { icon: "previous", kind: "previous" });
  #next = button(words.next, () => this.step(1), { icon: "next", kind: "next" });
  #facts = el("dl");
  #actions = el("div", { class: "actions" });
  #dialog;

  constructor(does) {
    this.#does = does;
    this.#dialog = el("dialog", { id: "view", "aria-labelledby": "view-name" },
      el("div", { class: "head" },
        this.#name, this.#zoom, button(words.close, () => this.close(), { icon: "close" })),
      el("div", { class: "frame" }, this.#previous, this.#stage, this.#next),
      el("div", { class: "foot" }, this.#actions, this.#facts));
    document.body.append(this.#dialog);
    this.#swipe();
    addEventListener("popstate", () => this.follow());
  }

  // open shows the image under a URL of its own.
  open(image) {
    if (this.#image) {
      amend({ image: image.filename });
    } else {
      visit({ image: image.filename }, { ...history.state, opened: HERE });
    }
    this.#show(image);
  }

  // follow shows what the URL says: that image, or none.
  async follow() {
    const { image: name } = address();
    if (!name) {
      this.close();
      return;
    }
    if (this.#image?.filename === name) {
      return;
    }
    let image;
    let why = words.gone(name);
    try {
      image = await api.find(name);
    } catch (error) {
      why = error.message;
    }
    if (address().image !== name) {
      return; // the reader has gone on
    }
    if (image && !this.#does.hides(name)) {
      this.#show(image);
      return;
    }
    this.close();
    amend({ image: "" });
    toast(why);
  }

  // close goes back to the page, as Back does.
  close() {
    this.#dialog.close();
  }

  // step goes that many images on.
  step(step) {
    const image = this.#image && this.#does.beside(this.#image, step);
    if (image) {
      this.open(image);
      announce(image.filename);
    }
  }

  // key is step for an arrow key. In an image larger than the window that
  // scrolls.
  key(step) {
    return !this.#zoomed && this.step(step);
  }

  // zoom shows the image as large as it is, or all of it.
  zoom() {
    this.#stage.classList.toggle("zoomed");
    if (this.#zoomed) {
      const picture = shown(this.#image, { src: full(this.#image) });
      picture.addEventListener("load", () => this.#centre(), { once: true });
      this.#picture.replaceWith(picture);
      this.#picture = picture;
      if (document.activeElement !== this.#zoom) {
        this.#stage.focus();
      }
    }
    this.#label();
  }

  // remove deletes the image and goes on to the next one, or the one before.
  remove() {
    const image = this.#image;
    const then = this.#does.beside(image, 1) ?? this.#does.beside(image, -1);
    this.#does.remove([image]);
    if (then) {
      this.open(then);
    } else {
      this.close();
    }
  }

  // render offers the images beside the one that is open.
  render() {
    if (this.#image) {
      const focused = document.activeElement;
      this.#previous.hidden = !this.#does.beside(this.#image, -1);
      this.#next.hidden = !this.#does.beside(this.#image, 1);
      if (focused.hidden) {
        this.#name.focus();
      }
    }
  }

  #show(image) {
    this.#image = image;
    title("image", image.filename);
    this.#name.textContent = image.filename;
    this.#stage.classList.remove("zoomed");
    this.#picture = shown(image, { src: resized(image, 1280), srcset: `${resized(image, 2560)} 2x` });
    this.#stage.replaceChildren(this.#picture);
    this.#facts.replaceChildren(...facts(image));
    this.#offer(image);
    this.#label();
    this.render();
    if (!this.#dialog.open) {
      this.#opened = image;
      modal(this.#dialog, () => this.#left());
    }
  }

  // left follows when the dialog is closed, by whatever: the URL is the page's
  // again, and the focus where it was, or on the image seen last.
  #left() {
    const image = this.#image;
    if (!image) {
      return;
    }
    this.#image = null;
    title("image", "");
    this.#stage.replaceChildren();
    if (address().image === image.filename) {
      if (history.state?.opened === HERE) {
        history.back();
      } else {
        amend({ image: "" });
      }
    }
    const focused = document.activeElement;
    if (image !== this.#opened || focused === document.body || this.#dialog.contains(focused)) {
      this.#does.closed(image);
    }
  }

  get #zoomed() {
    return this.#stage.classList.contains("zoomed");
  }

  #centre() {
    const { scrollWidth, clientWidth, scrollHeight, clientHeight } = this.#stage;
    this.#stage.scrollTo((scrollWidth - clientWidth) / 2, (scrollHeight - clientHeight) / 2);
  }

  #label() {
    this.#zoom.title = this.#zoom.querySelector(".unseen").textContent = this.#zoomed ? words.zoomOut : words.zoomIn;
    this.#stage.tabIndex = this.#zoomed ? 0 : -1; // what scrolls can be reached by keyboard as well
  }

  // offer shows what can be done. The focus stays among it.
  #offer(image) {
    const focused = this.#actions.contains(document.activeElement);
    this.#actions.replaceChildren(
      copyButton(image),
      formChooser(),
      button(words.download, () => this.#does.download([image])),
      button(words.rename, () => this.#rename(image)),
      button(words.remove, single(() => this.remove()), { kind: "danger" }));
    if (focused) {
      this.#actions.querySelector("button").focus();
    }
  }

  // rename asks for the new name where the actions stand.
  #rename(image) {
    const input = el("input", {
      value: image.filename, "aria-label": words.newName, required: true, maxlength: 255, spellcheck: "false",
      onkeydown: (event) => {
        if (event.key === "Escape") {
          event.preventDefault(); // it would close the dialog
          back();
        }
      },
    });
    const error = el("p", { class: "error", role: "alert" });
    const back = () => this.#offer(image);
    const save = async (event) => {
      event.preventDefault();
      const name = input.value.trim();
      if (name === image.filename) {
        back();
        return;
      }
      try {
        const became = await api.rename(image, name);
        this.#does.renamed(image, became);
        if (this.#image === image) {
          this.open(became);
        }
        announce(words.renamedTo(became.filename));
      } catch (refusal) {
        error.textContent = refusal.message;
        input.focus();
      }
    };
    this.#actions.replaceChildren(el("form", { class: "rename", onsubmit: save },
      input,
      el("button", { class: "primary" }, words.save),
      button(words.cancel, back),
      error));
    input.focus();
    const dot = image.filename.lastIndexOf(".");
    input.setSelectionRange(0, dot > 0 ? dot : image.filename.length);
  }

  // swipe goes on with a finger, unless the image is larger than the window.
  #swipe() {
    let start = null;
    this.#stage.addEventListener("touchstart", (event) => {
      const still = event.touches.length === 1 && !this.#zoomed && visualViewport.scale === 1;
      start = still ? event.touches[0] : null;
    }, { passive: true });
    this.#stage.addEventListener("touchend", (event) => {
      const end = event.changedTouches[0];
      const [x, y] = start ? [end.clientX - start.clientX, end.clientY - start.clientY] : [0, 0];
      if (Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(y)) {
        this.step(x < 0 ? 1 : -1);
      }
    });
    this.#stage.addEventListener("click", (event) => {
      if (event.target === this.#picture) {
        this.zoom();
      }
    });
  }
}

// facts returns the terms and descriptions of what is known of an image.
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
