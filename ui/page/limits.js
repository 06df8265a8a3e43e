// What the server takes, as far as the page can tell before it sends anything.

import * as api from "./api.js";
import * as words from "./words.js";

let limits = null; // as the server says; null until it has
let learning = Promise.resolve(); // ends with the last question to the server

// learn asks the server. Without an answer nothing is refused here: the server
// says the same later. The file input offers what the server takes.
export function learn(input, signal) {
  return learning = ask(input, signal);
}

// known waits for an answer that is on its way.
export const known = () => learning;

async function ask(input, signal) {
  try {
    limits = await api.limits(signal);
  } catch {
    return;
  }
  input.accept = limits.types.flatMap((type) => [type.content_type, ...type.extensions.map((e) => `.${e}`)]).join();
}

// objection returns why the server would refuse the file, in words, or an
// empty string. What is in the file is for the server to judge; here a file
// is wrong only when neither its kind nor its extension is right.
export function objection(file) {
  if (file.size === 0) {
    return words.emptyFile;
  }
  if (!limits) {
    return "";
  }
  const extension = file.name.toLowerCase().split(".").at(-1);
  const known = limits.types.some((type) => type.content_type === file.type || type.extensions.includes(extension));
  const unclear = file.type === "" && !file.name.includes(".");
  if (!known && !unclear) {
    return words.notAnImage(limits.types.map((type) => type.name));
  }
  return file.size > limits.max_upload ? words.tooLarge(file.size, limits.max_upload) : "";
}

// resizable says whether the server makes copies of the image. The original of one
// that is too large for that could take all of a browser's memory.
export function resizable(image) {
  return !limits || image.width * image.height <= limits.max_pixels;
}
