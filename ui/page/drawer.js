// The details of an image, beside the picture: its name, the fields of the server, and the Exif
// metadata of the photo. Here people rename the image and remove the location.

import * as api from "./api.js";
import { rememberDeleteLink, renameDeleteLink } from "./deletelinks.js";
import { announce, button, el } from "./dom.js";
import { readExif } from "./exif.js";
import { dimensions } from "./image.js";
import { date, number, size } from "./intl.js";
import { trashTime } from "./limits.js";
import { copyTextButton } from "./links.js";
import { toast } from "./toast.js";
import * as words from "./words.js";

const MAP = "https://www.openstreetmap.org/";
const TRIES = 20; // names that the page tries before it offers no other name

// Drawer shows the details of one image. Its callbacks are onChange(old, image), after the
// image was renamed or stored without its location, and onClose().
export class Drawer {
  element = el("section", { id: "details", class: "drawer", "aria-labelledby": "details-title", hidden: true });
  #callbacks;
  #image = null;
  #name = el("div", { class: "name-row" });
  #photo = el("div", { class: "photo-facts" });
  #exif = { digest: "", facts: null }; // the metadata of the photo that was read last

  constructor(callbacks) {
    this.#callbacks = callbacks;
  }

  get open() {
    return !this.element.hidden;
  }

  set open(open) {
    this.element.hidden = !open;
    if (open && this.#image) {
      this.#render();
    }
  }

  // show shows the details of this image, if the drawer is open.
  show(image) {
    this.#image = image;
    if (this.open) {
      this.#render();
    }
  }

  #render() {
    const image = this.#image;
    const focused = this.element.contains(document.activeElement) && !this.#name.contains(document.activeElement);
    const inName = this.#name.contains(document.activeElement);
    this.#photo.replaceChildren();
    this.element.replaceChildren(
      el("div", { class: "head" },
        el("h3", { id: "details-title", tabindex: -1 }, TEXT.details),
        button(TEXT.closeDetails, () => this.#callbacks.onClose(), { icon: "close" })),
      this.#name,
      factList({
        type: words.format(image.content_type),
        dimensions: dimensions(image),
        size: size(image.size),
        uploaded: date(image.uploaded_at),
        expires: image.expires_at && date(image.expires_at),
      }),
      this.#photo,
      el("div", { class: "digest" },
        el("p", { class: "label" }, TEXT.facts.digest),
        el("code", {}, image.sha256),
        copyTextButton(image.sha256, TEXT.facts.digest)));
    this.#showName(image, inName);
    if (focused) {
      this.element.querySelector("h3").focus();
    }
    this.#readPhoto(image);
  }

  // showName shows the name with a button, and moves the focus to the button if focused is
  // set.
  #showName(image, focused) {
    const change = button(TEXT.rename, () => this.#showRename(image), { icon: "rename" });
    this.#name.replaceChildren(el("p", { class: "name", dir: "auto" }, image.filename), change);
    if (focused) {
      change.focus();
    }
  }

  // showRename shows a form for the new name instead of the name.
  #showRename(image) {
    const hide = () => this.#showName(image, true);
    const input = el("input", {
      value: image.filename, "aria-label": TEXT.newName, required: true, maxlength: 255, spellcheck: "false", autocomplete: "off", dir: "auto",
      onkeydown: (event) => {
        if (event.key === "Escape") {
          event.preventDefault(); // otherwise the key would close the dialog
          hide();
        }
      },
    });
    const error = el("p", { class: "error", role: "alert" });
    const other = el("div", { class: "actions" });
    const rename = async (name) => {
      other.replaceChildren();
      const problem = problemOf(name);
      if (name === image.filename) {
        hide();
      } else if (problem) {
        error.textContent = problem;
        input.focus();
      } else {
        try {
          await this.#rename(image, name);
        } catch (failure) {
          error.textContent = failure.status === 409 ? words.nameTaken(name) : failure.message;
          input.focus();
          const free = failure.status === 409 ? await freeName(name) : "";
          if (free) {
            other.replaceChildren(button(words.useName(free), () => rename(free)));
          }
        }
      }
    };
    const onsubmit = (event) => {
      event.preventDefault();
      rename(withExtension(input.value.trim(), image.filename));
    };
    this.#name.replaceChildren(el("form", { class: "rename", onsubmit },
      input,
      error,
      other,
      el("div", { class: "actions" }, el("button", { class: "primary" }, TEXT.save), button(TEXT.cancel, hide))));
    input.focus();
    const dot = image.filename.lastIndexOf(".");
    input.setSelectionRange(0, dot > 0 ? dot : image.filename.length);
  }

  async #rename(image, name) {
    const renamed = await api.rename(image, name);
    renameDeleteLink(image, renamed);
    this.#callbacks.onChange(image, renamed);
    announce(words.renamedTo(renamed.filename));
  }

  // readPhoto reads the Exif metadata of the photo, and shows it.
  async #readPhoto(image) {
    if (this.#exif.digest !== image.sha256) {
      try {
        const facts = await readExif(image.size, (from, to) => api.readBytes(image, from, to));
        this.#exif = { digest: image.sha256, facts };
      } catch (error) {
        if (this.#image === image) {
          this.#photo.replaceChildren(el("p", { class: "hint" }, error.message));
        }
        return;
      }
    }
    if (this.#image === image) {
      this.#showPhoto(image, this.#exif.facts);
    }
  }

  #showPhoto(image, { camera, lens, time, exposure, aperture, iso, focal, location }) {
    const settings = [
      exposure && words.exposureTime(exposure < 0.3 ? `1/${Math.round(1 / exposure)}` : number(exposure)),
      aperture && `ƒ/${number(aperture)}`,
      focal && words.focalLength(number(Math.round(focal * 10) / 10)),
      iso && `ISO ${iso}`,
    ];
    const parts = [
      factList({ taken: time && date(time), camera, lens, exposure: settings.filter(Boolean).map((setting) => el("span", { class: "setting" }, setting)) }),
      location && this.#location(image, location),
    ];
    this.#photo.replaceChildren(...parts.filter(Boolean));
  }

  #location(image, { latitude, longitude }) {
    const place = `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`;
    const map = `${MAP}?mlat=${latitude.toFixed(5)}&mlon=${longitude.toFixed(5)}#map=15/${latitude.toFixed(5)}/${longitude.toFixed(5)}`;
    const status = el("p", { class: "hint", role: "status" });
    const remove = button(TEXT.removeLocation, async () => {
      remove.disabled = true;
      status.className = "hint";
      status.textContent = TEXT.removingLocation;
      try {
        await this.#removeLocation(image);
      } catch (error) {
        remove.disabled = false;
        status.className = "error";
        status.textContent = [415, 422].includes(error.status) ? words.cannotRemoveLocation(words.format(image.content_type)) : error.message;
      }
    });
    return el("div", { class: "location" },
      el("p", {}, TEXT.showsLocation),
      el("p", {}, el("a", { href: map, target: "_blank", rel: "noopener noreferrer", title: TEXT.openMap }, place)),
      remove,
      el("p", { class: "hint" }, TEXT.removeLocationHint),
      status);
  }

  async #removeLocation(image) {
    const stripped = await api.removeMetadata(image);
    rememberDeleteLink(stripped);
    this.#callbacks.onChange(image, stripped);
    toast(words.locationRemoved(trashTime()));
  }
}

// factList makes a list of the facts that are known. A fact is a text or a list of elements.
function factList(facts) {
  const known = Object.entries(facts).map(([term, value]) => [term, [value ?? ""].flat()]).filter(([, [first]]) => first);
  return known.length > 0 && el("dl", {}, ...known.map(([term, value]) =>
    el("div", { class: term }, el("dt", {}, TEXT.facts[term]), el("dd", {}, ...value))));
}

// withExtension returns the name with the extension of the old name, if it has none.
function withExtension(name, old) {
  const extension = /\.[a-z][a-z0-9]{0,4}$/i;
  return name === "" || extension.test(name) ? name : name + (extension.exec(old)?.[0] ?? "");
}

// problemOf says why the server would refuse the name, for the two common reasons.
function problemOf(name) {
  const character = /[/\\]/.exec(name)?.[0];
  return character ? words.nameCharacter(character) : /^\.|\.$/.test(name) ? TEXT.nameEnds : "";
}

// freeName returns the first name such as photo-2.webp that no image has, or an empty text.
async function freeName(name) {
  const dot = name.lastIndexOf(".");
  const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  for (let n = 2; n < 2 + TRIES; n++) {
    const candidate = `${stem}-${n}${extension}`;
    try {
      if (!await api.find(candidate)) {
        return candidate;
      }
    } catch {
      return "";
    }
  }
  return "";
}
