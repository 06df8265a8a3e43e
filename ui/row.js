// One upload: all that is known of it, from the choice of the file to the
// image on the server.

import { upload } from "./api.js";
import { announce, button, el } from "./dom.js";
import { copyButton, facts, picture } from "./image.js";
import * as words from "./words.js";

// Row shows one upload. Its state is also the class of its element: waiting,
// sending, saving, locked, and in the end stored, failed or cancelled.
export class Row {
  state;
  filename; // on the server, once it is stored
  #file;
  #again;
  #abort;
  #picture = el("div", { class: "picture" });
  #name;
  #bar;
  #status = el("p", { class: "status" });
  #actions = el("div", { class: "actions" });

  // again is called with the row when it is to run once more.
  constructor(file, again) {
    this.#file = file;
    this.#again = again;
    this.#name = el("p", { class: "name", dir: "auto" }, file.name);
    this.#bar = el("progress", { max: 1, "aria-label": words.progress(file.name) });
    this.element = el("li", {},
      this.#picture,
      el("div", { class: "about" }, this.#name, this.#bar, this.#status),
      this.#actions);
    this.#wait();
  }

  // run uploads the file and returns the image stored, or null. It throws
  // nothing: what goes wrong stands in the row.
  async run() {
    if (this.state !== "waiting") {
      return null; // cancelled in the queue
    }
    if (this.#file.folder) {
      this.#fail(words.folder, false);
      return null;
    }
    const { signal } = this.#abort;
    this.sending(0);
    try {
      const image = await upload(this.#file, this, signal);
      this.#done(image);
      return image;
    } catch (error) {
      if (!signal.aborted) {
        this.#fail(error.message, error.mayPass);
      }
      return null;
    }
  }

  // sending, saving and locked are the watch of upload.
  sending(share) {
    this.#bar.value = share;
    this.#set("sending", this.#sized(words.sending(share)));
  }

  saving() {
    this.#bar.value = 1;
    this.#set("saving", this.#sized(words.saving));
  }

  locked() {
    this.#set("locked", this.#sized(words.locked));
  }

  #wait() {
    this.#abort = new AbortController();
    this.#bar.value = 0;
    this.#show("waiting", this.#sized(words.waiting), this.#button(words.cancel, () => this.#cancel()));
  }

  #done(image) {
    this.filename = image.filename;
    this.#name.textContent = image.filename;
    this.#picture.replaceWith(picture(image));
    const notes = [facts(image)];
    if (image.filename !== this.#file.name.normalize("NFC")) {
      notes.push(words.renamed(this.#file.name, image.filename));
    }
    if (image.duplicate) {
      notes.push(words.duplicate);
    }
    this.#show("stored", notes.join(". "), copyButton(image));
  }

  #fail(reason, mayPass) {
    this.#show("failed", words.reasonAlone(this.#file.name, reason), mayPass && this.#retryButton());
    announce(words.failed(this.#file.name, reason));
  }

  #cancel() {
    const late = this.state === "saving";
    this.#abort.abort();
    this.#show("cancelled", this.#sized(late ? words.cancelledLate : words.cancelled), this.#retryButton());
  }

  #sized(text) {
    return `${words.size(this.#file.size)} · ${text}`;
  }

  #retryButton() {
    return this.#button(words.retry, () => {
      this.#wait();
      this.#again(this);
    });
  }

  #button(text, onclick) {
    return button(text, onclick, { about: this.#file.name });
  }

  // show changes the state and with it what can be done. The button that is
  // there now takes the focus of the one before.
  #show(state, status, action) {
    const focused = this.#actions.contains(document.activeElement);
    this.#actions.replaceChildren(...(action ? [action] : []));
    if (focused && action) {
      action.focus();
    }
    this.#set(state, status);
  }

  #set(state, status) {
    this.state = this.element.className = state;
    this.#status.textContent = status;
  }
}
