// Deletes images so that people can undo the deletion. The page hides an image at once
// and shows a message with the button Undo. When the message is removed, the page sends
// the request that deletes the image.

import * as api from "./api.js";
import { announce } from "./dom.js";
import { hasKeyboard } from "./platform.js";
import { toast } from "./toast.js";
import * as words from "./words.js";

// Deletions deletes images. Its callbacks are:
// - hide(images) and show(images): hide images in the gallery, and show them again;
// - onUndone(images): the reader has undone the deletion;
// - focus(image): move the focus to the image;
// - replace(old, image): another image now has the name of old, show it instead of old;
// - onDeleted(image): the server has deleted the image;
// - uploadAgain(image): the server has deleted an image that must stay, upload it again.
export class Deletions {
  #callbacks;
  #all = []; // { images, toast } for each deletion: the images to delete, and the message; toast is null when nobody can undo the deletion any more
  #cancelled = new WeakSet(); // images that must stay, although the request to delete them may already be sent

  constructor(callbacks) {
    this.#callbacks = callbacks;
    // If the user leaves the page before the message is removed, the images are deleted.
    // The page sends all requests at once. A browser sends about 250 requests after the
    // page is closed, and does not send any more.
    addEventListener("pagehide", () => {
      for (const deletion of this.#all) {
        deletion.toast?.remove();
        deletion.images.splice(0).forEach((image) => this.#deleteNow(image));
      }
    });
  }

  // delete deletes the images, unless the reader presses Undo.
  delete(images) {
    const deletion = { images: [...images] };
    const text = words.removed(namesOf(images));
    this.#all.push(deletion);
    this.#callbacks.hide(images);
    deletion.toast = toast(text, {
      action: TEXT.undo,
      spoken: hasKeyboard() ? words.canUndo(text) : text,
      onAction: (focused) => this.#undo(deletion, focused),
      onDismiss: () => this.#carryOut(deletion),
    });
  }

  // undo undoes the last deletion. It returns false if there is no deletion to undo.
  undo() {
    const last = this.#all.findLast((deletion) => deletion.toast);
    last?.toast.act();
    return Boolean(last);
  }

  // includes reports whether an image of this name is being deleted.
  includes(filename) {
    return this.#all.some(({ images }) => images.some((image) => image.filename === filename));
  }

  // cancel stops the deletion of an image, because the image was uploaded again meanwhile.
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
    this.#callbacks.onUndone(images);
    if (focused) {
      this.#callbacks.focus(images[0]);
    }
  }

  // carryOut deletes one image after another. If it sent hundreds of requests at once and
  // the reader closed the page, the browser would not send all of them.
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

  // deleteNow sends the request. If the server does not delete the image, deleteNow shows
  // the image again and returns the reason. Otherwise it returns an empty text.
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
    return TEXT.changedMeanwhile;
  }

  // If the deletion of an image was cancelled, restore uploads the image again. This is necessary if the
  // server received the request to delete the image after the upload.
  async #restore(image) {
    const current = await api.find(image.filename).catch(() => null);
    if (!current) {
      this.#callbacks.uploadAgain(image);
    }
  }
}

// deleteOnServer deletes an image. If another image now has the name, deleteOnServer
// deletes nothing and returns the other image.
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
