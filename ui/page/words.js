// All the text that the scripts show, in the language of the page. The tables in words/ have
// the texts. When the server bundles the script of a language, it replaces TABLE.… by the
// text of this key (language.go). So other modules must not read words by a name that they
// compute: the bundle would need the names of all texts.

import { duration, number, percent, period, plural, size } from "./intl.js";
import { onMac } from "./platform.js";

// Invisible characters around a part of a text, which has its own direction (Unicode UAX #9).
const FIRST_STRONG_ISOLATE = "\u2068"; // the part begins, in the direction of its first letter
const LEFT_TO_RIGHT_ISOLATE = "\u2066";
const POP_ISOLATE = "\u2069"; // the part ends

const SOME_TYPES = 5; // the number of types that a sentence names

export const page = TABLE.page;

// Choosing files

export const drop = TABLE.drop;
export const dropCount = (n) => fill(TABLE.dropCount, { n });
export const paste = TABLE.paste;
export const limits = (types, bytes) => fill(TABLE.limits, { types: someTypes(types), limit: size(bytes) });
export const pastedText = TABLE.pastedText;
export const pastedLink = TABLE.pastedLink;
export const pasteForbidden = TABLE.pasteForbidden;
export const nothingToPaste = TABLE.nothingToPaste;

// Options of uploads

export const options = TABLE.options;
export const uploadOptions = TABLE.uploadOptions;
export const keepFor = TABLE.keepFor;
export const keepForChoices = TABLE.keepForChoices;
export const ifNameTaken = TABLE.ifNameTaken;
export const nameTakenChoices = TABLE.nameTakenChoices;
export const strip = TABLE.strip;
export const strippable = (types) => fill(TABLE.strippable, { types: list(types) });
export const alwaysStrips = TABLE.alwaysStrips;
export const stripped = TABLE.stripped;

// Uploading

export const uploads = TABLE.uploads;
export const uploading = (i, total) => fill(TABLE.uploading, { i, total });
export const timeLeft = (seconds) => fill(TABLE.timeLeft, { time: duration(seconds) });
export const foldUploads = TABLE.foldUploads;
export const unfoldUploads = TABLE.unfoldUploads;
export const closeUploads = TABLE.closeUploads;
export const sending = (share, bytes) => fill(TABLE.sending, { share: percent(share), size: size(bytes) });
export const saving = TABLE.saving;
export const locked = TABLE.locked;
export const cancelled = TABLE.cancelled;
export const cancelledLate = TABLE.cancelledLate;
export const savedAs = (stored) => fill(TABLE.savedAs, { stored: isolate(stored) });
export const savedBeside = (stored, taken) => fill(TABLE.savedBeside, { stored: isolate(stored), taken: isolate(taken) });
export const duplicate = TABLE.duplicate;
export const heicCopies = TABLE.heicCopies;
export const overall = TABLE.overall;
export const uploaded = (n) => fill(TABLE.uploaded, { n });
export const done = (stored, failed, cancelled) => commas([
  (stored > 0 || failed + cancelled === 0) && uploaded(stored),
  failed > 0 && fill(TABLE.failedCount, { n: failed }),
  cancelled > 0 && fill(TABLE.cancelledCount, { n: cancelled }),
].filter(Boolean));
export const skipped = (n) => fill(TABLE.skipped, { n });
export const offline = TABLE.offline;
export const busy = (seconds) => fill(TABLE.busy, { time: duration(seconds) });
export const cancel = TABLE.cancel;
export const cancelAll = TABLE.cancelAll;
export const retry = TABLE.retry;
export const retryAll = TABLE.retryAll;
export const retryFailed = TABLE.retryFailed;
export const clear = TABLE.clear;
export const copyLinksOf = (n) => fill(TABLE.copyLinksOf, { n });
export const keepBoth = TABLE.keepBoth;
export const replace = TABLE.replace;
export const showNames = TABLE.showNames;

export const tooLarge = (bytes, max) => fill(TABLE.tooLarge, { size: size(bytes), limit: limit(max) });
export const limit = (max) => fill(TABLE.limit, { limit: size(max) });
export const emptyFile = TABLE.emptyFile;
export const notAnImage = (types) => fill(TABLE.notAnImage, { types: usableTypes(types) });
export const cannotStrip = (type) => fill(TABLE.cannotStrip, { type });
export const unreadable = TABLE.unreadable;
export const unreadableFolder = TABLE.unreadableFolder;
export const emptyFolder = TABLE.emptyFolder;
export const unreachable = TABLE.unreachable;
export const connectionLost = TABLE.connectionLost;
export const unexplained = (status) => fill(TABLE.unexplained, { status: String(status) });

// groupTitle says what n files have in common. kind is the kind of an Upload.
export const groupTitle = (kind, n) => fill(TABLE.groupTitles[kind] ?? TABLE.groupTitles.failed, { n });
// someNames names all files, or only two if there are many.
export const someNames = (names, n) => (n > 3 ? fill(TABLE.someNames, { names: commas(names.slice(0, 2).map(isolate)), n: n - 2 }) : commas(names.map(isolate)));

export const started = (n) => fill(TABLE.started, { n });
export const failed = (name, reason) => (reason.includes(name) ? reason : fill(TABLE.failed, { name: isolate(name), reason: isolate(reason) }));
export const failures = (n) => fill(TABLE.failures, { n });
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

export const copyForm = TABLE.copyForm;
export const forms = TABLE.forms;
export const copies = TABLE.copies;
export const copyText = TABLE.copyText;
export const copied = TABLE.copied;
export const copiedMany = (n) => fill(TABLE.copiedMany, { n });
export const copyByHand = TABLE.copyByHand;

// Sharing

export const share = TABLE.share;
export const shareMany = (n) => fill(TABLE.shareMany, { n });
export const responsive = TABLE.responsive;
export const deleteLink = TABLE.deleteLink;
export const deleteLinkHint = TABLE.deleteLinkHint;
export const qrCode = TABLE.qrCode;
export const scan = TABLE.scan;
export const shareWithApp = TABLE.shareWithApp;

// Gallery

export const gallery = TABLE.gallery;
export const search = TABLE.search;
export const searchIn = (n) => fill(TABLE.searchIn, { n });
export const menu = TABLE.menu;
export const sort = TABLE.sort;
export const orders = TABLE.orders;
export const loading = TABLE.loading;
export const empty = TABLE.empty;
export const noMatch = (query) => fill(TABLE.noMatch, { query: isolate(query) });
export const found = (n) => fill(TABLE.found, { n });
export const listLater = (reason) => fill(TABLE.listLater, { reason: isolate(reason) });
export const pictureSize = TABLE.pictureSize;
export const pictureSizes = TABLE.pictureSizes;
export const layout = TABLE.layout;
export const layouts = TABLE.layouts;
export const columns = TABLE.columns;
export const actions = TABLE.actions;
export const more = TABLE.more;
export const fromStart = TABLE.fromStart;
export const listed = (n) => fill(TABLE.listed, { n });
export const noPreview = (name) => fill(TABLE.noPreview, { name: isolate(name) });

// Selection

export const select = (name) => fill(TABLE.select, { name: isolate(name) });
export const selected = (n) => fill(TABLE.selected, { n });
export const selection = TABLE.selection;
export const copyLink = TABLE.copyLink;
export const selectOne = TABLE.selectOne;
export const copyLinks = TABLE.copyLinks;
export const download = TABLE.download;
export const remove = TABLE.remove;
export const unselect = TABLE.unselect;
export const archiveFailed = TABLE.archiveFailed;

// Deleting

export const removed = (names) => (names.length === 1 ? fill(TABLE.removed, { name: isolate(names[0]) }) : fill(TABLE.removedMany, { n: names.length }));
export const undo = TABLE.undo;
export const canUndo = (what) => fill(TABLE.canUndo, { what, keys: undoKeys() });
export const restored = (names) => (names.length === 1 ? fill(TABLE.restored, { name: isolate(names[0]) }) : fill(TABLE.restoredMany, { n: names.length }));
export const notRemoved = (name, reason) => fill(TABLE.notRemoved, { name: isolate(name), reason: isolate(reason) });
export const notAllRemoved = (first, others) => fill(TABLE.notAllRemoved, { first, n: others });
export const changedMeanwhile = TABLE.changedMeanwhile;
export const dismiss = TABLE.dismiss;

// Trash

export const trash = TABLE.trash;
export const trashHint = TABLE.trashHint;
export const trashEmpty = TABLE.trashEmpty;
export const inTrash = (bytes, ago, left) => fill(TABLE.inTrash, { size: bytes, ago, left });
export const deletedAt = (time) => fill(TABLE.deletedAt, { time });
export const notInTrash = (name) => fill(TABLE.notInTrash, { name: isolate(name) });
export const restore = TABLE.restore;
export const emptyTrash = TABLE.emptyTrash;
export const emptyTrashQuestion = TABLE.emptyTrashQuestion;
export const keepTrash = TABLE.keepTrash;
export const stored = (n, bytes) => fill(TABLE.stored, { n, size: size(bytes) });
export const inTrashCount = (n) => fill(TABLE.inTrashCount, { n });

// One image

export const close = TABLE.close;
export const previous = TABLE.previous;
export const next = TABLE.next;
export const zoomIn = TABLE.zoomIn;
export const zoomOut = TABLE.zoomOut;
export const gone = (name) => fill(TABLE.gone, { name: isolate(name) });
export const filmstrip = TABLE.filmstrip;
export const zoomedTo = (scale) => percent(scale);
export const details = TABLE.details;
export const closeDetails = TABLE.closeDetails;
export const facts = TABLE.facts;
export const exposureTime = (seconds) => fill(TABLE.exposureTime, { seconds });
export const focalLength = (millimetres) => fill(TABLE.focalLength, { millimetres });
export const dimensions = (width, height) => `${LEFT_TO_RIGHT_ISOLATE}${width} × ${height}${POP_ISOLATE}`; // the width is on the left in every language
export const format = (type) => type.replace(/^image\/(x-|vnd\.)?/, "").replace(/\+.*/, "").toUpperCase();
export const rename = TABLE.rename;
export const newName = TABLE.newName;
export const save = TABLE.save;
export const nameTaken = (name) => fill(TABLE.nameTaken, { name: isolate(name) });
export const useName = (name) => fill(TABLE.useName, { name: isolate(name) });
export const nameCharacter = (character) => fill(TABLE.nameCharacter, { character });
export const nameEnds = TABLE.nameEnds;
export const renamedTo = (name) => fill(TABLE.renamedTo, { name: isolate(name) });

export const showsLocation = TABLE.showsLocation;
export const openMap = TABLE.openMap;
export const removeLocation = TABLE.removeLocation;
export const removeLocationHint = TABLE.removeLocationHint;
export const removingLocation = TABLE.removingLocation;
export const locationRemoved = (trash) => (trash > 0 ? fill(TABLE.locationInTrash, { time: duration(trash) }) : TABLE.locationRemoved);
export const cannotRemoveLocation = (type) => fill(TABLE.cannotRemoveLocation, { type });

// Token

export const tokenTitle = TABLE.tokenTitle;
export const tokenLabel = TABLE.tokenLabel;
export const tokenHint = TABLE.tokenHint;
export const tokenCharacters = TABLE.tokenCharacters;
export const tokenWrong = TABLE.tokenWrong;
export const tokenKeep = TABLE.tokenKeep;
export const tokenSubmit = TABLE.tokenSubmit;
export const tokenForget = TABLE.tokenForget;

// Settings

export const colours = TABLE.colours;
export const schemes = TABLE.schemes;
export const language = TABLE.language;
export const languages = TABLE.languages; // the name of each language in that language

// Help

export const help = TABLE.help;
export const helpShare = TABLE.helpShare;
export const helpLinks = TABLE.helpLinks;
export const helpManyLinks = TABLE.helpManyLinks;
export const helpDelete = TABLE.helpDelete;
export const helpUndo = TABLE.helpUndo;
export const helpTrash = (seconds) => (seconds > 0 ? fill(TABLE.helpTrash, { time: period(seconds) }) : TABLE.helpNoTrash);
export const helpLimits = TABLE.helpLimits;
export const helpTypes = (types, limit) => fill(TABLE.helpTypes, { types: list(types), limit: size(limit) });
export const helpBytes = (strips) => (strips ? TABLE.helpStripped : TABLE.helpUnchanged);
export const helpPrivacy = TABLE.helpPrivacy;
export const helpSeen = TABLE.helpSeen;
export const helpAccess = (token) => (token ? TABLE.helpToken : TABLE.helpNoToken);
export const helpDevelopers = TABLE.helpDevelopers;
export const helpTerminal = TABLE.helpTerminal;
export const helpUpload = TABLE.helpUpload;
export const helpRetrieve = TABLE.helpRetrieve;
export const helpExact = TABLE.helpExact;
export const helpList = TABLE.helpList;
export const helpSmall = TABLE.helpSmall;
export const helpPage = TABLE.helpPage;
export const helpShareX = TABLE.helpShareX;
export const helpShareXFile = TABLE.helpShareXFile;
export const helpShareXThen = TABLE.helpShareXThen;
export const helpShareXToken = TABLE.helpShareXToken;
export const helpOperator = TABLE.helpOperator;
export const helpManual = TABLE.helpManual;
export const helpTopics = TABLE.helpTopics;
export const helpOpenAPI = TABLE.helpOpenAPI;
export const helpKeys = TABLE.helpKeys;
export const keysOn = TABLE.keysOn;
export const keys = Object.fromEntries(Object.entries(TABLE.keys).map(([key, what]) => [keyLabel(key), what]));

// about is added to the end of a label, such as "Delete". With the name of
// the image, people with a screen reader can distinguish the same controls of two images.
export const about = (name) => ` ${isolate(name)}`;

function usableTypes(types) {
  return types.length > SOME_TYPES ? someTypes(types) : alternatives(types);
}

function someTypes(types) {
  return types.length > SOME_TYPES ? fill(TABLE.someTypes, { types: commas(types.slice(0, SOME_TYPES)) }) : commas(types);
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
