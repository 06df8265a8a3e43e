// The texts that have values in them, in the language of the page. The tables in words/ have
// all texts. When the server bundles the script of a language, it replaces TEXT.… by the text
// of this key, here and in the other modules (language.go). So no module can read a text by a
// key that it computes.

import { duration, intl, number, percent, period, plural, size } from "./intl.js";
import { onMac } from "./platform.js";

// Invisible characters around a part of a text, which has its own direction (Unicode UAX #9).
const FIRST_STRONG_ISOLATE = "\u2068"; // the part begins, in the direction of its first letter
const LEFT_TO_RIGHT_ISOLATE = "\u2066";
const POP_ISOLATE = "\u2069"; // the part ends

const SOME_TYPES = 5; // the number of types that a sentence names

// Choosing files

export const dropCount = (n) => fill(TEXT.dropCount, { n });
export const limits = (types, bytes) => fill(TEXT.limits, { types: someTypes(types), limit: size(bytes) });

// Options of uploads

export const strippable = (types) => fill(TEXT.strippable, { types: list(types) });

// Uploading

export const uploading = (i, total) => fill(TEXT.uploading, { i, total });
export const timeLeft = (seconds) => fill(TEXT.timeLeft, { time: duration(seconds) });
export const sending = (share, bytes) => fill(TEXT.sending, { share: percent(share), size: size(bytes) });
export const savedAs = (stored) => fill(TEXT.savedAs, { stored: isolate(stored) });
export const savedBeside = (stored, taken) => fill(TEXT.savedBeside, { stored: isolate(stored), taken: isolate(taken) });
export const uploaded = (n) => fill(TEXT.uploaded, { n });
export const done = (stored, failed, cancelled) => [
  (stored > 0 || failed + cancelled === 0) && uploaded(stored),
  failed > 0 && fill(TEXT.failedCount, { n: failed }),
  cancelled > 0 && cancelledCount(cancelled),
].filter(Boolean).join(TEXT.comma);
export const cancelledCount = (n) => fill(TEXT.cancelledCount, { n });
export const skipped = (n) => fill(TEXT.skipped, { n });
export const busy = (seconds) => fill(TEXT.busy, { time: duration(seconds) });
export const copyLinksOf = (n) => fill(TEXT.copyLinksOf, { n });

export const tooLarge = (bytes, max) => fill(TEXT.tooLarge, { size: size(bytes), limit: limit(max) });
export const limit = (max) => fill(TEXT.limit, { limit: size(max) });
export const notAnImage = (types) => fill(TEXT.notAnImage, { types: usableTypes(types) });
export const cannotStrip = (type) => fill(TEXT.cannotStrip, { type });
export const unexplained = (status) => fill(TEXT.unexplained, { status: String(status) });

export const started = (n) => fill(TEXT.started, { n });
export const failed = (name, reason) => (reason.includes(name) ? reason : fill(TEXT.failed, { name: isolate(name), reason: isolate(reason) }));
export const failures = (n) => fill(TEXT.failures, { n });
export const notImages = (n) => fill(TEXT.notImages, { n }); // n is at least 2
// reasonAlone returns the reason without the name of the image, for a row that already shows the
// name. Some messages of the server begin with the name.
export function reasonAlone(name, reason) {
  const start = `${FIRST_STRONG_ISOLATE}${name}: `;
  return reason.startsWith(start) ? FIRST_STRONG_ISOLATE + reason.slice(start.length) : reason;
}
// serverError returns the text for an error code of the server. If the table has no text for the
// code, it returns the message of the server, which is in English.
export const serverError = (code, message) => (Object.hasOwn(TEXT.errors, code ?? "") ? TEXT.errors[code] : message && isolate(message));

// Links

export const copiedMany = (n) => fill(TEXT.copiedMany, { n });

// Sharing

export const shareMany = (n) => fill(TEXT.shareMany, { n });

// Gallery

export const searchIn = (n) => fill(TEXT.searchIn, { n });
export const noMatch = (query) => fill(TEXT.noMatch, { query: isolate(query) });
export const found = (n) => fill(TEXT.found, { n });
export const listLater = (reason) => fill(TEXT.listLater, { reason: isolate(reason) });
export const listed = (n) => fill(TEXT.listed, { n });
export const noPreview = (name) => fill(TEXT.noPreview, { name: isolate(name) });

// Selection

export const select = (name) => fill(TEXT.select, { name: isolate(name) });
export const selected = (n) => fill(TEXT.selected, { n });

// Deleting

export const removed = (names) => (names.length === 1 ? fill(TEXT.removed, { name: isolate(names[0]) }) : fill(TEXT.removedMany, { n: names.length }));
export const canUndo = (what) => fill(TEXT.canUndo, { what, keys: undoKeys() });
export const restored = (names) => (names.length === 1 ? fill(TEXT.restored, { name: isolate(names[0]) }) : fill(TEXT.restoredMany, { n: names.length }));
export const notRemoved = (name, reason) => fill(TEXT.notRemoved, { name: isolate(name), reason: isolate(reason) });
export const notAllRemoved = (first, others) => fill(TEXT.notAllRemoved, { first, n: others });

// Trash

export const inTrash = (bytes, ago, left) => fill(TEXT.inTrash, { size: bytes, ago, left });
export const deletedAt = (time) => fill(TEXT.deletedAt, { time });
export const notInTrash = (name) => fill(TEXT.notInTrash, { name: isolate(name) });
export const stored = (n, bytes) => fill(TEXT.stored, { n, size: size(bytes) });
export const inTrashCount = (n) => fill(TEXT.inTrashCount, { n });

// One image

export const gone = (name) => fill(TEXT.gone, { name: isolate(name) });
export const zoomedTo = (scale) => percent(scale);
export const exposureTime = (seconds) => fill(TEXT.exposureTime, { seconds });
export const focalLength = (millimetres) => fill(TEXT.focalLength, { millimetres });
export const dimensions = (width, height) => `${LEFT_TO_RIGHT_ISOLATE}${width} × ${height}${POP_ISOLATE}`; // the width is on the left in every language
export const format = (type) => { // a content type, or a name of the API
  const name = type.replace(/^image\/|\+.*/g, "");
  return { webp: "WebP", jxl: "JPEG XL", "vnd.microsoft.icon": "ICO" }[name] ?? name.toUpperCase();
};
export const nameTaken = (name) => fill(TEXT.nameTaken, { name: isolate(name) });
export const useName = (name) => fill(TEXT.useName, { name: isolate(name) });
export const nameCharacter = (character) => fill(TEXT.nameCharacter, { character });
export const renamedTo = (name) => fill(TEXT.renamedTo, { name: isolate(name) });

export const locationRemoved = (trash) => (trash > 0 ? fill(TEXT.locationInTrash, { time: period(trash) }) : TEXT.locationRemoved);
export const cannotRemoveLocation = (type) => fill(TEXT.cannotRemoveLocation, { type });

// Help

export const helpTrash = (seconds) => (seconds > 0 ? fill(TEXT.helpTrash, { time: period(seconds) }) : TEXT.helpNoTrash);
export const helpTypes = (types, limit) => fill(TEXT.helpTypes, { types: list(types), limit: size(limit) });
export const helpBytes = (strips) => (strips ? TEXT.helpStripped : TEXT.helpUnchanged);
export const helpAccess = (token) => (token ? TEXT.helpToken : TEXT.helpNoToken);
export const keys = Object.fromEntries(Object.entries(TEXT.keys).map(([key, what]) => [keyLabel(key), what]));

// about is added to the end of a label, such as "Delete". With the name of
// the image, people with a screen reader can distinguish the same controls of two images.
export const about = (name) => ` ${isolate(name)}`;

function usableTypes(types) {
  return types.length > SOME_TYPES ? someTypes(types) : alternatives(types);
}

function someTypes(types) {
  return list(types.length > SOME_TYPES ? [...types.slice(0, SOME_TYPES), TEXT.moreTypes] : types);
}

// list and alternatives join items as the language does: with "and", and with "or".
const list = (items) => intl("ListFormat", { type: "conjunction" }).format(items);
const alternatives = (items) => intl("ListFormat", { type: "disjunction" }).format(items);

function undoKeys() {
  return onMac() ? "⌘Z" : `${keyLabel("Ctrl")}+Z`;
}

// keyLabel returns what is written on a key, such as "Strg V" for "Ctrl V" in German.
function keyLabel(key) {
  const names = { ...TEXT.keyNames, ...(onMac() && { Ctrl: "⌘", Shift: "⇧" }) };
  return key.split(" ").map((part) => names[part] ?? part).join(" ");
}

// fill returns a text with values in place of the {placeholders}. If the text has plural
// forms, values.n chooses the form.
function fill(entry, values) {
  const template = entry.other ? entry[plural(values.n)] ?? entry.other : entry;
  return template.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? number(values[name]) : values[name]));
}

// isolate returns the name between two invisible characters. Without them, a name that is
// written from right to left changes the order of the words before and after the name
// (Unicode UAX #9, first strong isolate).
function isolate(name) {
  return FIRST_STRONG_ISOLATE + name + POP_ISOLATE;
}
