// Deletes images, with a way back: the page hides an image at once, and asks the
// server to delete it when the message with the Undo button goes away.

import * as api from "./api.js";
import { announce } from "./dom.js";
import { toast } from "./toast.js";
import * as words from "./words.js";

// Deletions uses these callbacks: hide(images) and show(images) for the gallery,
// focus(image), replace(old, image) when another image has the name by now,
// onDeleted(image), and uploadAgain(image) for an image that must stay but was
// deleted.
export class Deletions {
  #callbacks;
  #all = []; // each { images, toast }: the images to delete, and the message while it can be undone
  #cancelled = new WeakSet(); // images that must stay although their deletion may be under way

  constructor(callbacks) {
    this.#callbacks = callbacks;
    // A reader who leaves the page has not undone the deletion. All requests are
    // sent at once: a browser lets about 250 outlive the page, and does not send
    // the rest.
    addEventListener("pagehide", () => {
      for (const deletion of this.#all) {
        deletion.toast?.remove();
        deletion.images.splice(0).forEach((image) => this.#deleteNow(image));
      }
    });
  }

  // delete deletes the images, unless that is undone.
  delete(images) {
    const deletion = { images: [...images] };
    const text = words.removed(namesOf(images));
    this.#all.push(deletion);
    this.#callbacks.hide(images);
    deletion.toast = toast(text, {
      action: words.undo,
      spoken: words.canUndo(text),
      onAction: (focused) => this.#undo(deletion, focused),
      onDismiss: () => this.#carryOut(deletion),
    });
  }

  // undo undoes the last deletion and reports whether there was one.
  undo() {
    const last = this.#all.findLast((deletion) => deletion.toast);
    last?.toast.act();
    return Boolean(last);
  }

  // includes reports whether an image of that name is being deleted.
  includes(filename) {
    return this.#all.some(({ images }) => images.some((image) => image.filename === filename));
  }

  // cancel keeps an image that was uploaded again while it was being deleted.
  cancel(filename) {
    for (const deletion of this.#all) {
      const kept = deletion.images.filter((image) => image.filename === filename);
      if (kept.length > 0) {
        kept.forEach((image) => this.#cancelled.add(image));
        deletion.images = deletion.images.filter((image) => image.filename !== filename);
        this.#callbacks.show(kept);
        if (deletion.images.length === 0) {
          deletion.toast?.remove();
          this.#end(deletion);
        }
      }
    }
  }

  #undo(deletion, focused) {
    const { images } = deletion;
    this.#end(deletion);
    this.#callbacks.show(images);
    announce(words.restored(namesOf(images)));
    if (focused) {
      this.#callbacks.focus(images[0]);
    }
  }

  // carryOut deletes one image after another. A browser would not let hundreds of
  // parallel requests outlive the page.
  async #carryOut(deletion) {
    deletion.toast = null;
    const failures = [];
    while (deletion.images.length > 0) {
      const image = deletion.images[0];
      const failure = await this.#deleteNow(image);
      if (failure) {
        failures.push(words.notRemoved(image.filename, failure));
      }
      deletion.images = deletion.images.filter((other) => other !== image);
    }
    this.#end(deletion);
    if (failures.length > 0) {
      toast(failures.length > 1 ? words.notAllRemoved(failures[0], failures.length - 1) : failures[0]);
    }
  }

  #end(deletion) {
    this.#all = this.#all.filter((other) => other !== deletion);
  }

  // deleteNow sends the request. If the image could not be deleted, it shows the
  // image again and returns the reason.
  async #deleteNow(image) {
    let current;
    try {
      current = await deleteOnServer(image);
    } catch (error) {
      this.#callbacks.show([image]);
      return error.message;
    }
    if (this.#cancelled.has(image)) {
      await this.#restore(image);
      return "";
    }
    if (!current) {
      this.#callbacks.onDeleted(image);
      return "";
    }
    this.#callbacks.show([image]);
    this.#callbacks.replace(image, current);
    return words.changedMeanwhile;
  }

  // restore uploads a cancelled image once more if the server deleted it after the
  // upload that was to keep it.
  async #restore(image) {
    const current = await api.find(image.filename).catch(() => null);
    if (!current) {
      this.#callbacks.uploadAgain(image);
    }
  }
}

// deleteOnServer deletes an image. If another image has its name by now, it deletes
// nothing and returns that one.
async function deleteOnServer(image) {
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

function namesOf(images) {
  return images.map((image) => image.filename);
}
