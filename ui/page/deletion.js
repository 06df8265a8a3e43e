// Deleting images, with a way back: an image is gone from the page at once,
// and from the server when the message that offers to undo it is gone.

import * as api from "./api.js";
import { announce } from "./dom.js";
import { toast } from "./toast.js";
import * as words from "./words.js";

// Deletions asks hide(images) to take images off the page, show(images) to
// bring them back, focus(image) to go to one, replace(image, became) to show
// what stands in its place, gone(image) to forget one that is deleted, and
// lost(image) to upload one anew that was deleted but is to stay.
export class Deletions {
  #does;
  #all = []; // {images, toast} of each: images are still there, and toast can be undone
  #kept = new WeakSet(); // images that are to stay, for which it may be too late

  constructor(does) {
    this.#does = does;
    // Who leaves the page has not undone it. Each request goes out at once: a
    // browser lets about 250 outlive the page, and the rest is not deleted.
    addEventListener("pagehide", () => {
      for (const deletion of this.#all) {
        deletion.toast?.drop();
        deletion.images.splice(0).forEach((image) => this.#remove(image));
      }
    });
  }

  // remove deletes the images, unless it is undone.
  remove(images) {
    const deletion = { images: [...images] };
    const text = words.removed(namesOf(images));
    this.#all.push(deletion);
    this.#does.hide(images);
    deletion.toast = toast(text, {
      action: words.undo,
      spoken: words.canUndo(text),
      act: (focused) => this.#undo(deletion, focused),
      gone: () => this.#carryOut(deletion),
    });
  }

  // undo takes the last deletion back and reports whether there was one.
  undo() {
    const last = this.#all.findLast((deletion) => deletion.toast);
    last?.toast.act();
    return Boolean(last);
  }

  // pending reports whether an image of that name is being deleted.
  pending(filename) {
    return this.#all.some(({ images }) => images.some((image) => image.filename === filename));
  }

  // keep lets an image stay: it was uploaded again.
  keep(filename) {
    for (const deletion of this.#all) {
      const kept = deletion.images.filter((image) => image.filename === filename);
      if (kept.length > 0) {
        kept.forEach((image) => this.#kept.add(image));
        deletion.images = deletion.images.filter((image) => image.filename !== filename);
        this.#does.show(kept);
        if (deletion.images.length === 0) {
          deletion.toast?.drop();
          this.#settle(deletion);
        }
      }
    }
  }

  #undo(deletion, focused) {
    const { images } = deletion;
    this.#settle(deletion);
    this.#does.show(images);
    announce(words.restored(namesOf(images)));
    if (focused) {
      this.#does.focus(images[0]);
    }
  }

  // carryOut deletes one image after another: hundreds of requests at a time
  // are more than a browser lets outlive the page.
  async #carryOut(deletion) {
    deletion.toast = null;
    const failures = [];
    while (deletion.images.length > 0) {
      const image = deletion.images[0];
      const failure = await this.#remove(image);
      if (failure) {
        failures.push(words.notRemoved(image.filename, failure));
      }
      deletion.images = deletion.images.filter((other) => other !== image);
    }
    this.#settle(deletion);
    if (failures.length > 0) {
      toast(failures.length > 1 ? words.notAllRemoved(failures[0], failures.length - 1) : failures[0]);
    }
  }

  #settle(deletion) {
    this.#all = this.#all.filter((other) => other !== deletion);
  }

  // remove returns why the image could not be deleted, if so, and shows it then.
  async #remove(image) {
    let became;
    try {
      became = await this.#removed(image);
    } catch (error) {
      this.#does.show([image]);
      return error.message;
    }
    if (this.#kept.has(image)) {
      await this.#rescue(image);
      return "";
    }
    if (!became) {
      this.#does.gone(image);
      return "";
    }
    this.#does.show([image]);
    this.#does.replace(image, became);
    return words.changedMeanwhile;
  }

  // rescue has an image uploaded anew if the deletion reached the server after
  // the upload that was to keep it.
  async #rescue(image) {
    const stays = await api.find(image.filename).catch(() => null);
    if (!stays) {
      this.#does.lost(image);
    }
  }

  // removed returns what stands in the place of an image that was not deleted
  // because it is not there any more, if anything does.
  async #removed(image) {
    try {
      await api.remove(image);
      return undefined;
    } catch (error) {
      if (error.status !== 412) {
        throw error;
      }
      return api.find(image.filename);
    }
  }
}

function namesOf(images) {
  return images.map((image) => image.filename);
}
