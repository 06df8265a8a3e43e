// A choice that the browser remembers.

import { keep, recall } from "./storage.js";

// Setting holds one of the choices; the first is the default.
export class Setting {
  #key;
  #value;
  #watchers = [];

  constructor(key, choices) {
    this.#key = key;
    this.choices = choices;
    const kept = recall("localStorage", key);
    this.#value = choices.includes(kept) ? kept : choices[0];
  }

  get value() {
    return this.#value;
  }

  set value(value) {
    this.#value = value;
    keep("localStorage", this.#key, value);
    this.#watchers.forEach((watcher) => watcher(value));
  }

  // watch calls watcher with the value now, and each time it changes. It goes
  // on for as long as the page lives, so it is for what does as well.
  watch(watcher) {
    this.#watchers.push(watcher);
    watcher(this.#value);
  }
}
