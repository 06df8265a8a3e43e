// What the server accepts, as far as the page can check it before an upload.

import * as api from "./api.js";
import * as words from "./words.js";

let limits = null; // the server's response; null before the response
let fetching = Promise.resolve(); // resolves when the last request has ended

// fetchLimits requests the limits, and makes the file input offer the types that the
// server accepts. Without a response the page refuses nothing: the server refuses
// the same files later.
export function fetchLimits(input, signal) {
  return fetching = fetchInto(input, signal);
}

// limitsKnown resolves when no request for the limits is running.
export const limitsKnown = () => fetching;

async function fetchInto(input, signal) {
  try {
    limits = await api.limits(signal);
  } catch {
    return;
  }
  input.accept = offeredTypes().flatMap((type) => [type.content_type, ...type.extensions.map((e) => `.${e}`)]).join();
}

// offeredTypes returns the types that the file input offers. If it does not offer HEIC, an
// iPhone or iPad converts each photo to JPEG, which every browser shows.
function offeredTypes() {
  const converts = appleMobile() && limits.types.some((type) => type.name === "jpeg");
  return limits.types.filter((type) => !converts || type.name !== "heic");
}

// currentLimits returns what the server accepts (limits in api.js), or null if the page does
// not know it.
export const currentLimits = () => limits;

// appleMobile reports whether the device is an iPhone or iPad. An iPad pretends to be a Mac,
// but no Mac has a touch screen.
function appleMobile() {
  const agent = navigator.userAgent;
  return /iPhone|iPad|iPod/.test(agent) || agent.includes("Macintosh") && navigator.maxTouchPoints > 1;
}

// refusalReason returns the reason why the server would refuse the file, for people. If the
// server may accept the file, the reason is empty. The server checks the content. The page
// refuses a file only if the server accepts neither its type nor its extension.
export function refusalReason(file) {
  if (file.size === 0) {
    return words.emptyFile;
  }
  if (!limits) {
    return "";
  }
  const extension = file.name.toLowerCase().split(".").at(-1);
  const accepted = limits.types.some((type) => type.content_type === file.type || type.extensions.includes(extension));
  const unknown = file.type === "" && !file.name.includes(".");
  if (!accepted && !unknown) {
    return words.notAnImage(limits.types.map((type) => type.name));
  }
  return file.size > limits.max_upload ? words.tooLarge(file.size, limits.max_upload) : "";
}

// trashTime returns how long the server keeps deleted images, in seconds. It is 0 if the
// server deletes them at once, or if the page does not know.
export function trashTime() {
  return limits?.trash ?? 0;
}

// isResizable reports whether the server makes resized copies of the image. If an
// image is too large to resize, the original could use all memory of the browser.
export function isResizable(image) {
  return !limits || image.width * image.height <= limits.max_pixels;
}
