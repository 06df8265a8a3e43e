// All the text that the scripts show. index.html has the text that people see before the
// scripts run.

import { duration, number, percent, size } from "./intl.js";

export const page = "Image server";

// Uploading

export const drop = "Drop to upload";
export const uploads = "Uploads";
export const waiting = "Waiting";
export const sending = (share) => `Uploading, ${percent(share)}`;
export const saving = "Saving…";
export const locked = "Waiting for the access token";
export const cancelled = "Cancelled";
export const cancelledLate = "Cancelled while the server was saving the image. The gallery shows whether the image was stored.";
export const renamed = (sent, stored) => `Saved as ${isolate(stored)} instead of ${isolate(sent)}`;
export const duplicate = "The server already has this image";
export const progress = (name) => `Upload of ${isolate(name)}`;
export const overall = "All uploads";
export const count = (finished, total) => `${number(finished)} of ${number(total)}`;
export const done = (stored, notStored) => notStored > 0 ? `${uploaded(stored)}, ${number(notStored)} not uploaded` : uploaded(stored);
export const speed = (bytes, seconds) => `${size(bytes)}/s, ${duration(seconds)} left`;
export const offline = "Can’t reach the server. Uploads will continue when the server is back.";
export const busy = (reason, seconds) => `${reason} Uploads will continue in ${duration(seconds)}.`;
export const cancel = "Cancel";
export const cancelAll = "Cancel all";
export const retry = "Retry";
export const retryFailed = "Retry failed";
export const clear = "Clear finished";

export const tooLarge = (bytes, limit) => `This file is ${size(bytes - limit)} too large. The limit is ${size(limit)}.`;
export const emptyFile = "The file is empty.";
export const notAnImage = (types) => `This kind of file can’t be uploaded. Use ${alternatives(types.map((t) => t.toUpperCase()))}.`;
export const unreadable = "The file can’t be read. It was changed, moved or deleted.";
export const unreadableFolder = "The folder can’t be read.";
export const emptyFolder = "This folder has no files.";
export const unreachable = "Can’t reach the server. Check that the server is running, and try again.";
export const connectionLost = "The connection was lost. Try again.";
export const unexplained = (status) => `The server responded with error ${status} and no explanation.`;

export const started = (n) => `Uploading ${files(n)}`;
export const quarter = (share) => `${percent(share)} uploaded`;
export const failed = (name, reason) => (reason.includes(name) ? reason : `${isolate(name)}: ${reason}`);
export const failures = (n) => `${files(n)} could not be uploaded`;
// reasonAlone returns the reason without the name of the image, for a place that already
// shows the name. Some messages of the server begin with the name.
export const reasonAlone = (name, reason) => (reason.startsWith(`${name}: `) ? reason.slice(name.length + 2) : reason);

// Links

export const copyForm = "Copy links as";
export const forms = { url: "Copy as URL", markdown: "Copy as Markdown", html: "Copy as HTML" };
export const copies = { url: "Copy URL", markdown: "Copy Markdown", html: "Copy HTML" };
export const copyAll = "Copy all";
export const copied = "Copied";
export const copiedMany = (n) => `${links(n)} copied`;
export const copyByHand = "The browser did not allow the page to copy the links. Copy them from here:";

// Gallery

export const gallery = "Images";
export const search = "Search by name";
export const sort = "Sort";
export const orders = {
  newest: "Newest first", oldest: "Oldest first", name: "Name, A to Z", "name-desc": "Name, Z to A",
  largest: "Largest first", smallest: "Smallest first",
};
export const loading = "Loading…";
export const empty = "No images yet. Drop images anywhere on this page, paste an image, or choose files.";
export const noMatch = (query) => `No images match “${isolate(query)}”.`;
export const found = (n, more) => (more ? `The first ${images(n)}` : images(n));
export const more = "Load more";
export const fromStart = "Back to the first images";
export const listed = (n) => (n === 1 ? "1 more image" : `${number(n)} more images`);
export const noPreview = (name) => `, no preview of ${isolate(name)}`;

// Selection

export const select = (name) => `Select ${isolate(name)}`;
export const selected = (n) => `${number(n)} selected`;
export const selection = "Selected images";
export const copyLinks = "Copy links";
export const download = "Download";
export const remove = "Delete";
export const unselect = "Clear selection";
export const archiveFailed = "The images could not be downloaded.";

// Deleting

export const removed = (names) => (names.length === 1 ? `${isolate(names[0])} deleted.` : `${images(names.length)} deleted.`);
export const undo = "Undo";
export const canUndo = (text) => `${text} Press Ctrl+Z to undo.`;
export const restored = (names) => (names.length === 1 ? `${isolate(names[0])} restored.` : `${images(names.length)} restored.`);
export const notRemoved = (name, reason) => `${isolate(name)} was not deleted. ${reason}`;
export const notAllRemoved = (first, others) => `${first} ${listed(others)} could not be deleted either.`;
export const changedMeanwhile = "Another image has this name now.";
export const dismiss = "Dismiss";

// One image

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
export const renamedTo = (name) => `Renamed to ${isolate(name)}`;

// Token

export const tokenTitle = "This server requires an access token";
export const tokenLabel = "Access token";
export const tokenHint = "The person who runs this server has the token.";
export const tokenCharacters = "Letters, digits and symbols, without spaces";
export const tokenWrong = "That token is wrong. Check it and try again.";
export const tokenKeep = "Remember on this device";
export const tokenSubmit = "Continue";
export const tokenForget = "Sign out";

// Help

export const help = "Help";
export const colours = "Colours";
export const schemes = { system: "System", light: "Light", dark: "Dark" };
export const helpTerminal = "From a terminal";
export const helpUpload = "Upload";
export const helpRetrieve = "Download";
export const helpExact = "Store under exactly this name";
export const helpList = "List the images";
export const helpSmall = "Download a resized copy";
export const helpPage = "From any web page";
export const helpShareX = "From ShareX";
export const helpShareXFile = "Download the uploader for this server";
export const helpShareXThen = "Open the file. Then ShareX uploads its pictures to this server.";
export const helpShareXToken = "Replace YOUR-TOKEN with the access token under Custom uploader settings.";
export const helpOperator = "For the person who runs this server";
export const helpManual = "The program contains the manual. The first command prints the start page. The other commands print the other pages:";
export const helpTopics = {
  api: "requests, responses, and all flags of the server",
  deploy: "HTTPS, reverse proxies, containers, systemd",
  systemd: "the unit files",
  datafile: "backup, check, repair, full disk",
  database: "several servers on PostgreSQL and S3",
};
export const helpOpenAPI = "API description for programs (OpenAPI)";
export const helpKeys = "Keys";
export const keysOn = "Single-key shortcuts";
export const keys = {
  "?": "This help", "/": "Search", "← →": "Previous and next image", Z: "Full size, or fit to window",
  "Ctrl V": "Paste an image", "Ctrl Z": "Undo a deletion", "Del": "Delete the image that is open", "Esc": "Close",
  "Shift + click": "Select all images between this image and the last click",
};

// about is added to the end of a label, such as "Delete". With the name of
// the image, people with a screen reader can distinguish the same controls of two images.
export const about = (name) => ` ${isolate(name)}`;

const files = (n) => (n === 1 ? "1 file" : `${number(n)} files`);
const images = (n) => (n === 1 ? "1 image" : `${number(n)} images`);
const links = (n) => (n === 1 ? "1 link" : `${number(n)} links`);
const uploaded = (n) => `${number(n)} uploaded`;
const disjunction = new Intl.ListFormat(undefined, { type: "disjunction" });
const alternatives = (items) => disjunction.format(items);

// isolate returns the name between two invisible characters. Without them, a name that is
// written from right to left changes the order of the words before and after the name
// (Unicode UAX #9, first strong isolate).
function isolate(name) {
  return `\u2068${name}\u2069`;
}
