// A choice that the browser remembers, on this device or for the session.

import { readItem, writeItem } from "./storage.js";

// Setting has one of several values. The first value is the default.
export class Setting {
  #key;
  #area;
  #value;
  #listeners = [];

  // area is "localStorage" or "sessionStorage", see storage.js.
  constructor(key, choices, area = "localStorage") {
    this.#key = key;
    this.#area = area;
    const stored = readItem(area, key);
    this.#value = choices.includes(stored) ? stored : choices[0];
  }

  get value() {
    return this.#value;
  }

  set value(value) {
    this.#value = value;
    writeItem(this.#area, this.#key, value);
    this.#listeners.forEach((listener) => listener(value));
  }

  // subscribe calls listener with the value at once, and after each change. The listener
  // stays as long as the page is open.
  subscribe(listener) {
    this.#listeners.push(listener);
    listener(this.#value);
  }
}
