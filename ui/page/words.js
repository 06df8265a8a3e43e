// All the text that the scripts show, in the language of the page. The tables in words/ have
// the texts. For the script of each language, the server writes the table of the language
// into the constant TABLE (language.go).

import { duration, number, percent, period, plural, size } from "./intl.js";
import { onMac } from "./platform.js";

// Invisible characters around a part of a text, which has its own direction (Unicode UAX #9).
const FIRST_STRONG_ISOLATE = "\u2068"; // the part begins, in the direction of its first letter
const LEFT_TO_RIGHT_ISOLATE = "\u2066";
const POP_ISOLATE = "\u2069"; // the part ends

const SOME_TYPES = 5; // the number of types that a sentence names

export const page = text("page");

// Choosing files

export const drop = text("drop");
export const dropCount = (n) => text("dropCount", { n });
export const paste = text("paste");
export const limits = (types, bytes) => text("limits", { types: someTypes(types), limit: size(bytes) });
export const pastedText = text("pastedText");
export const pastedLink = text("pastedLink");
export const pasteForbidden = text("pasteForbidden");
export const nothingToPaste = text("nothingToPaste");

// Options of uploads

export const options = text("options");
export const uploadOptions = text("uploadOptions");
export const keepFor = text("keepFor");
export const keepForChoices = TABLE.keepForChoices;
export const ifNameTaken = text("ifNameTaken");
export const nameTakenChoices = TABLE.nameTakenChoices;
export const strip = text("strip");
export const strippable = (types) => text("strippable", { types: list(types) });
export const alwaysStrips = text("alwaysStrips");
export const stripped = text("stripped");

// Uploading

export const uploads = text("uploads");
export const uploading = (i, total) => text("uploading", { i, total });
export const timeLeft = (seconds) => text("timeLeft", { time: duration(seconds) });
export const foldUploads = text("foldUploads");
export const unfoldUploads = text("unfoldUploads");
export const closeUploads = text("closeUploads");
export const sending = (share, bytes) => text("sending", { share: percent(share), size: size(bytes) });
export const saving = text("saving");
export const locked = text("locked");
export const cancelled = text("cancelled");
export const cancelledLate = text("cancelledLate");
export const savedAs = (stored) => text("savedAs", { stored: isolate(stored) });
export const savedBeside = (stored, taken) => text("savedBeside", { stored: isolate(stored), taken: isolate(taken) });
export const duplicate = text("duplicate");
export const heicCopies = text("heicCopies");
export const overall = text("overall");
export const uploaded = (n) => text("uploaded", { n });
export const done = (stored, failed, cancelled) => commas([
  (stored > 0 || failed + cancelled === 0) && uploaded(stored),
  failed > 0 && text("failedCount", { n: failed }),
  cancelled > 0 && text("cancelledCount", { n: cancelled }),
].filter(Boolean));
export const skipped = (n) => text("skipped", { n });
export const offline = text("offline");
export const busy = (seconds) => text("busy", { time: duration(seconds) });
export const cancel = text("cancel");
export const cancelAll = text("cancelAll");
export const retry = text("retry");
export const retryAll = text("retryAll");
export const retryFailed = text("retryFailed");
export const clear = text("clear");
export const copyLinksOf = (n) => text("copyLinksOf", { n });
export const keepBoth = text("keepBoth");
export const replace = text("replace");
export const showNames = text("showNames");

export const tooLarge = (bytes, max) => text("tooLarge", { size: size(bytes), limit: limit(max) });
export const limit = (max) => text("limit", { limit: size(max) });
export const emptyFile = text("emptyFile");
export const notAnImage = (types) => text("notAnImage", { types: usableTypes(types) });
export const cannotStrip = (type) => text("cannotStrip", { type });
export const unreadable = text("unreadable");
export const unreadableFolder = text("unreadableFolder");
export const emptyFolder = text("emptyFolder");
export const unreachable = text("unreachable");
export const connectionLost = text("connectionLost");
export const unexplained = (status) => text("unexplained", { status: String(status) });

// groupTitle says what n files have in common. kind is the kind of an Upload.
export const groupTitle = (kind, n) => fill(TABLE.groupTitles[kind] ?? TABLE.groupTitles.failed, { n });
// someNames names all files, or only two if there are many.
export const someNames = (names, n) => (n > 3 ? text("someNames", { names: commas(names.slice(0, 2).map(isolate)), n: n - 2 }) : commas(names.map(isolate)));

export const started = (n) => text("started", { n });
export const failed = (name, reason) => (reason.includes(name) ? reason : text("failed", { name: isolate(name), reason: isolate(reason) }));
export const failures = (n) => text("failures", { n });
// reasonAlone returns the reason without the name of the image, for a place that already
// shows the name. Some messages of the server begin with the name.
export function reasonAlone(name, reason) {
  const start = `${FIRST_STRONG_ISOLATE}${name}: `;
  return reason.startsWith(start) ? FIRST_STRONG_ISOLATE + reason.slice(start.length) : reason;
}
// serverError returns what an error of the server means. For a code that is not in the table,
// it returns the message of the server, which is in English.
export const serverError = (code, message) => (Object.hasOwn(TABLE.errors, code ?? "") ? TABLE.errors[code] : message && isolate(message));

// Links

export const copyForm = text("copyForm");
export const forms = TABLE.forms;
export const copies = TABLE.copies;
export const copyText = text("copyText");
export const copied = text("copied");
export const copiedMany = (n) => text("copiedMany", { n });
export const copyByHand = text("copyByHand");

// Sharing

export const share = text("share");
export const shareMany = (n) => text("shareMany", { n });
export const responsive = text("responsive");
export const deleteLink = text("deleteLink");
export const deleteLinkHint = text("deleteLinkHint");
export const qrCode = text("qrCode");
export const scan = text("scan");
export const shareWithApp = text("shareWithApp");

// Gallery

export const gallery = text("gallery");
export const search = text("search");
export const searchIn = (n) => text("searchIn", { n });
export const menu = text("menu");
export const sort = text("sort");
export const orders = TABLE.orders;
export const loading = text("loading");
export const empty = text("empty");
export const noMatch = (query) => text("noMatch", { query: isolate(query) });
export const found = (n) => text("found", { n });
export const listLater = (reason) => text("listLater", { reason: isolate(reason) });
export const pictureSize = text("pictureSize");
export const pictureSizes = TABLE.pictureSizes;
export const layout = text("layout");
export const layouts = TABLE.layouts;
export const columns = TABLE.columns;
export const actions = text("actions");
export const more = text("more");
export const fromStart = text("fromStart");
export const listed = (n) => text("listed", { n });
export const noPreview = (name) => text("noPreview", { name: isolate(name) });

// Selection

export const select = (name) => text("select", { name: isolate(name) });
export const selected = (n) => text("selected", { n });
export const selection = text("selection");
export const copyLink = text("copyLink");
export const selectOne = text("selectOne");
export const copyLinks = text("copyLinks");
export const download = text("download");
export const remove = text("remove");
export const unselect = text("unselect");
export const archiveFailed = text("archiveFailed");

// Deleting

export const removed = (names) => (names.length === 1 ? text("removed", { name: isolate(names[0]) }) : text("removedMany", { n: names.length }));
export const undo = text("undo");
export const canUndo = (what) => text("canUndo", { what, keys: undoKeys() });
export const restored = (names) => (names.length === 1 ? text("restored", { name: isolate(names[0]) }) : text("restoredMany", { n: names.length }));
export const notRemoved = (name, reason) => text("notRemoved", { name: isolate(name), reason: isolate(reason) });
export const notAllRemoved = (first, others) => text("notAllRemoved", { first, n: others });
export const changedMeanwhile = text("changedMeanwhile");
export const dismiss = text("dismiss");

// Trash

export const trash = text("trash");
export const trashHint = text("trashHint");
export const trashEmpty = text("trashEmpty");
export const inTrash = (bytes, ago, left) => text("inTrash", { size: bytes, ago, left });
export const restore = text("restore");
export const emptyTrash = text("emptyTrash");
export const emptyTrashQuestion = text("emptyTrashQuestion");
export const keepTrash = text("keepTrash");
export const stored = (n, bytes) => text("stored", { n, size: size(bytes) });
export const inTrashCount = (n) => text("inTrashCount", { n });

// One image

export const close = text("close");
export const previous = text("previous");
export const next = text("next");
export const zoomIn = text("zoomIn");
export const zoomOut = text("zoomOut");
export const gone = (name) => text("gone", { name: isolate(name) });
export const filmstrip = text("filmstrip");
export const zoomedTo = (scale) => percent(scale);
export const details = text("details");
export const closeDetails = text("closeDetails");
export const facts = TABLE.facts;
export const exposureTime = (seconds) => text("exposureTime", { seconds });
export const focalLength = (millimetres) => text("focalLength", { millimetres });
export const dimensions = (width, height) => `${LEFT_TO_RIGHT_ISOLATE}${width} × ${height}${POP_ISOLATE}`; // the width is on the left in every language
export const format = (type) => type.replace(/^image\/(x-|vnd\.)?/, "").replace(/\+.*/, "").toUpperCase();
export const rename = text("rename");
export const newName = text("newName");
export const save = text("save");
export const nameTaken = (name) => text("nameTaken", { name: isolate(name) });
export const useName = (name) => text("useName", { name: isolate(name) });
export const nameCharacter = (character) => text("nameCharacter", { character });
export const nameEnds = text("nameEnds");
export const renamedTo = (name) => text("renamedTo", { name: isolate(name) });

export const showsLocation = text("showsLocation");
export const openMap = text("openMap");
export const removeLocation = text("removeLocation");
export const removeLocationHint = text("removeLocationHint");
export const removingLocation = text("removingLocation");
export const locationRemoved = (trash) => (trash > 0 ? text("locationInTrash", { time: duration(trash) }) : text("locationRemoved"));
export const cannotRemoveLocation = (type) => text("cannotRemoveLocation", { type });

// Token

export const tokenTitle = text("tokenTitle");
export const tokenLabel = text("tokenLabel");
export const tokenHint = text("tokenHint");
export const tokenCharacters = text("tokenCharacters");
export const tokenWrong = text("tokenWrong");
export const tokenKeep = text("tokenKeep");
export const tokenSubmit = text("tokenSubmit");
export const tokenForget = text("tokenForget");

// Settings

export const colours = text("colours");
export const schemes = TABLE.schemes;
export const language = text("language");
export const languages = TABLE.languages; // the name of each language in that language

// Help

export const help = text("help");
export const helpShare = text("helpShare");
export const helpLinks = text("helpLinks");
export const helpManyLinks = text("helpManyLinks");
export const helpDelete = text("helpDelete");
export const helpUndo = text("helpUndo");
export const helpTrash = (seconds) => (seconds > 0 ? text("helpTrash", { time: period(seconds) }) : text("helpNoTrash"));
export const helpLimits = text("helpLimits");
export const helpTypes = (types, limit) => text("helpTypes", { types: list(types), limit: size(limit) });
export const helpBytes = (strips) => (strips ? text("helpStripped") : text("helpUnchanged"));
export const helpPrivacy = text("helpPrivacy");
export const helpSeen = text("helpSeen");
export const helpAccess = (token) => (token ? text("helpToken") : text("helpNoToken"));
export const helpDevelopers = text("helpDevelopers");
export const helpTerminal = text("helpTerminal");
export const helpUpload = text("helpUpload");
export const helpRetrieve = text("helpRetrieve");
export const helpExact = text("helpExact");
export const helpList = text("helpList");
export const helpSmall = text("helpSmall");
export const helpPage = text("helpPage");
export const helpShareX = text("helpShareX");
export const helpShareXFile = text("helpShareXFile");
export const helpShareXThen = text("helpShareXThen");
export const helpShareXToken = text("helpShareXToken");
export const helpOperator = text("helpOperator");
export const helpManual = text("helpManual");
export const helpTopics = TABLE.helpTopics;
export const helpOpenAPI = text("helpOpenAPI");
export const helpKeys = text("helpKeys");
export const keysOn = text("keysOn");
export const keys = Object.fromEntries(Object.entries(TABLE.keys).map(([key, what]) => [keyLabel(key), what]));

// about is added to the end of a label, such as "Delete". With the name of
// the image, people with a screen reader can distinguish the same controls of two images.
export const about = (name) => ` ${isolate(name)}`;

function usableTypes(types) {
  return types.length > SOME_TYPES ? someTypes(types) : alternatives(types);
}

function someTypes(types) {
  return types.length > SOME_TYPES ? text("someTypes", { types: commas(types.slice(0, SOME_TYPES)) }) : commas(types);
}

// commas, list and alternatives join items in the way of the language.
function commas(items) {
  return new Intl.ListFormat(document.documentElement.lang, { type: "unit", style: "short" }).format(items);
}

function list(items) {
  return new Intl.ListFormat(document.documentElement.lang, { type: "conjunction" }).format(items);
}

function alternatives(items) {
  return new Intl.ListFormat(document.documentElement.lang, { type: "disjunction" }).format(items);
}

function undoKeys() {
  return onMac() ? "⌘Z" : `${keyLabel("Ctrl")}+Z`;
}

// keyLabel returns what is written on a key, such as "Strg V" for "Ctrl V" in German.
function keyLabel(key) {
  const names = { ...TABLE.keyNames, ...(onMac() && { Ctrl: "⌘", Shift: "⇧" }) };
  return key.split(" ").map((part) => names[part] ?? part).join(" ");
}

// text returns a text of the table, see fill.
function text(key, values = {}) {
  return fill(TABLE[key], values);
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
