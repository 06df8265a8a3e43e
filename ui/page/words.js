// Every word that the scripts put on the page. What is there before they run
// stands in index.html.

import { duration, number, percent, size } from "./intl.js";

export const page = "Image server";

// Getting files in

export const drop = "Drop to upload";
export const uploads = "Uploads";
export const waiting = "Waiting";
export const sending = (share) => `Uploading, ${percent(share)}`;
export const saving = "Saving…";
export const locked = "Waiting for the access token";
export const cancelled = "Cancelled";
export const cancelledLate = "Cancelled while the server was saving it: it may be stored";
export const renamed = (sent, stored) => `Sent as ${isolate(sent)}, stored as ${isolate(stored)}`;
export const duplicate = "Already there: nothing was stored twice";
export const progress = (name) => `Upload of ${isolate(name)}`;
export const overall = "All uploads";
export const count = (finished, total) => `${number(finished)} of ${number(total)}`;
export const done = (stored, notStored) => notStored > 0 ? `${uploaded(stored)}, ${number(notStored)} not` : uploaded(stored);
export const speed = (bytes, seconds) => `${size(bytes)}/s, ${duration(seconds)} left`;
export const offline = "The server cannot be reached. The uploads wait and go on by themselves.";
export const busy = (reason, seconds) => `${reason} The uploads go on in ${duration(seconds)}.`;
export const cancel = "Cancel";
export const cancelAll = "Cancel all";
export const retry = "Retry";
export const retryFailed = "Retry failed";
export const clear = "Clear finished";

export const tooLarge = (bytes, limit) => `${size(bytes - limit)} too large: the limit is ${size(limit)}.`;
export const emptyFile = "The file is empty.";
export const notAnImage = (types) => `Not an image that is taken here. These are: ${list(types.map((t) => t.toUpperCase()))}.`;
export const unreadable = "The file cannot be read any more: it was changed, moved or deleted.";
export const unreadableFolder = "The folder cannot be read.";
export const emptyFolder = "There is no file in this folder.";
export const unreachable = "The server could not be reached. Check that it is running and try again.";
export const brokeOff = "The upload broke off. Try again.";
export const unexplained = (status) => `The server answered ${status} without saying why.`;

export const started = (n) => `Uploading ${files(n)}`;
export const quarter = (share) => `${percent(share)} uploaded`;
export const failed = (name, reason) => (reason.includes(name) ? reason : `${isolate(name)}: ${reason}`);
export const failures = (n) => `${files(n)} could not be uploaded`;
// reasonAlone is for where the name stands already: the server begins with it.
export const reasonAlone = (name, reason) => (reason.startsWith(`${name}: `) ? reason.slice(name.length + 2) : reason);

// Links

export const copyForm = "Form of copied links";
export const forms = { url: "Copy as URL", markdown: "Copy as Markdown", html: "Copy as HTML" };
export const copies = { url: "Copy URL", markdown: "Copy Markdown", html: "Copy HTML" };
export const copyAll = "Copy all";
export const copied = "Copied";
export const copiedMany = (n) => `${links(n)} copied`;
export const copyByHand = "This browser did not let the page copy. Copy it from here:";

// Finding images again

export const gallery = "Images";
export const search = "Search by name";
export const sort = "Sort";
export const orders = {
  newest: "Newest first", oldest: "Oldest first", name: "Name, A to Z", "name-desc": "Name, Z to A",
  largest: "Largest first", smallest: "Smallest first",
};
export const loading = "Loading…";
export const empty = "No images yet. Drop one anywhere on this page, paste one, or choose files.";
export const noMatch = (query) => `No image has “${isolate(query)}” in its name.`;
export const found = (n, more) => `${images(n)}${more ? " and more" : ""}`;
export const more = "Load more";
export const fromStart = "Back to the first images";
export const listed = (n) => (n === 1 ? "1 more image" : `${number(n)} more images`);
export const noPreview = (name) => `, no preview of ${isolate(name)}`;

// Many at once

export const select = (name) => `Select ${isolate(name)}`;
export const selected = (n) => `${number(n)} selected`;
export const selection = "Selected images";
export const copyLinks = "Copy links";
export const download = "Download";
export const remove = "Delete";
export const unselect = "Unselect all";
export const archiveFailed = "The images could not be downloaded.";

// Deleting

export const removed = (names) => (names.length === 1 ? `${isolate(names[0])} is deleted.` : `${images(names.length)} are deleted.`);
export const undo = "Undo";
export const canUndo = (text) => `${text} Ctrl+Z brings it back.`;
export const restored = (names) => (names.length === 1 ? `${isolate(names[0])} is back.` : `${images(names.length)} are back.`);
export const notRemoved = (name, reason) => `${isolate(name)} was not deleted. ${reason}`;
export const notAllRemoved = (first, others) => `${first} The same goes for ${images(others)} more.`;
export const changedMeanwhile = "It was replaced in the meantime.";
export const dismiss = "Dismiss";

// One image

export const view = "Image";
export const close = "Close";
export const previous = "Previous image";
export const next = "Next image";
export const zoomIn = "Full size";
export const zoomOut = "Fit to window";
export const gone = (name) => `There is no image called ${isolate(name)}.`;
export const facts = { type: "Type", dimensions: "Dimensions", size: "Size", uploaded: "Uploaded", expires: "Expires", digest: "SHA-256" };
export const dimensions = (width, height) => `${width} × ${height}`;
export const format = (type) => type.replace(/^image\/(x-|vnd\.)?/, "").replace(/\+.*/, "").toUpperCase();
export const rename = "Rename";
export const newName = "New name";
export const save = "Save";
export const renamedTo = (name) => `It is called ${isolate(name)} now`;

// Token

export const tokenTitle = "This server asks for an access token";
export const tokenLabel = "Access token";
export const tokenHint = "It was set when the server was started.";
export const tokenCharacters = "Letters, digits and signs, without spaces";
export const tokenWrong = "That token is wrong. Check it and try again.";
export const tokenKeep = "Keep it on this machine";
export const tokenSubmit = "Continue";
export const tokenForget = "Forget the access token";

// Help

export const help = "Help";
export const colours = "Colours";
export const schemes = { system: "System", light: "Light", dark: "Dark" };
export const helpTerminal = "From a terminal";
export const helpUpload = "Upload";
export const helpRetrieve = "Get it back";
export const helpExact = "Store under exactly this name";
export const helpList = "List";
export const helpSmall = "A smaller copy";
export const helpPage = "From any web page";
export const helpShareX = "From ShareX";
export const helpShareXFile = "Download the uploader for this server";
export const helpShareXThen = "Open the file, and ShareX sends its pictures here.";
export const helpShareXToken = "Put the access token in the place of YOUR-TOKEN, under Custom uploader settings.";
export const helpKeys = "Keys";
export const keysOn = "Use keys without Ctrl";
export const keys = {
  "?": "This help", "/": "Search", "← →": "Previous and next image", Z: "Full size, or fit to window",
  "Ctrl V": "Upload what was copied", "Ctrl Z": "Undo a deletion", "Del": "Delete the image that is open", "Esc": "Close",
  "Shift + click": "Select all images in between",
};
export const keyWords = { and: "and", or: "or" };

// about ends the name of a control that stands beside many of its kind.
export const about = (name) => ` ${isolate(name)}`;

const files = (n) => (n === 1 ? "1 file" : `${number(n)} files`);
const images = (n) => (n === 1 ? "1 image" : `${number(n)} images`);
const links = (n) => (n === 1 ? "1 link" : `${number(n)} links`);
const uploaded = (n) => `${number(n)} uploaded`;
const conjunction = new Intl.ListFormat(undefined, { type: "conjunction" });
const list = (items) => conjunction.format(items);

// isolate keeps the direction of a name from turning the words around it
// (Unicode UAX #9, first strong isolate).
function isolate(name) {
  return `\u2068${name}\u2069`;
}
