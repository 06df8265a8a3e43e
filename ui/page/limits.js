// What the server accepts, as far as the page can check it before an upload.

import * as api from "./api.js";
import * as words from "./words.js";

// The types that people know best. The page names them first.
const WELL_KNOWN = ["jpeg", "png", "heic", "webp", "gif"];

let limits = null; // the server's response; null before the response
let fetching = Promise.resolve(); // resolves when the last request has ended
const listeners = [];

// fetchLimits requests the limits, and makes the file input offer the types that the
// server accepts. Without a response the page refuses nothing: the server refuses
// the same files later.
export function fetchLimits(input, signal) {
  return fetching = fetchInto(input, signal);
}

// limitsKnown resolves when no request for the limits is running.
export const limitsKnown = () => fetching;

// onLimits calls listener each time the server has sent its limits.
export function onLimits(listener) {
  listeners.push(listener);
}

async function fetchInto(input, signal) {
  try {
    limits = await api.limits(signal);
  } catch {
    return;
  }
  input.accept = offeredTypes().flatMap((type) => [type.content_type, ...type.extensions.map((e) => `.${e}`)]).join();
  listeners.forEach((listener) => listener());
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

// limitsText says what can be uploaded, for people. It is empty before the server's
// response.
export function limitsText() {
  return limits ? words.limits(typeNames(limits.types), limits.max_upload) : "";
}

// alwaysStrips reports whether the server removes the metadata from every upload.
export function alwaysStrips() {
  return Boolean(limits?.strip);
}

// convertsHEIC reports whether the server makes JPEG copies of HEIC photos.
export function convertsHEIC() {
  return Boolean(limits?.types.find((type) => type.name === "heic")?.resize);
}

// strippableTypes returns the names of the types from which the server can remove the
// metadata.
export function strippableTypes() {
  return typeNames(limits?.types.filter((type) => type.strip) ?? []);
}

// refusal returns { kind, reason } if the server would refuse the file, otherwise null.
// kind is the code of the server's error, and reason is for people. sharedReason is the part
// of the reason that does not depend on the file, if another part does. The server checks the
// content. The page refuses a file only if the server accepts neither its type nor its
// extension.
export function refusal(file, options) {
  if (file.size === 0) {
    return { kind: "empty", reason: TEXT.emptyFile };
  }
  if (!limits) {
    return null;
  }
  const extension = file.name.toLowerCase().split(".").at(-1);
  const type = limits.types.find((t) => t.content_type === file.type || t.extensions.includes(extension));
  const unknown = file.type === "" && !file.name.includes(".");
  if (!type && !unknown) {
    const kind = file.type.startsWith("image/") ? "not_allowed" : "not_an_image";
    return { kind, reason: words.notAnImage(typeNames(limits.types)) };
  }
  if (file.size > limits.max_upload) {
    return { kind: "too_large", reason: words.tooLarge(file.size, limits.max_upload), sharedReason: words.limit(limits.max_upload) };
  }
  if (options.strip && type?.strip === false) {
    return { kind: "cannot_strip", reason: words.cannotStrip(words.format(type.name)) };
  }
  return null;
}

// typeNames returns the names of types, for people. The best known types are first.
export function typeNames(types) {
  const rank = ({ name }) => (WELL_KNOWN.indexOf(name) + WELL_KNOWN.length + 1) % (WELL_KNOWN.length + 1);
  return [...types].sort((a, b) => rank(a) - rank(b)).map(({ name }) => words.format(name));
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
