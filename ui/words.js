// Every word the scripts put on the page, and how numbers and dates are
// written. What is there without JavaScript stands in index.html.

export const zone = "Drop, paste or choose images";
export const drop = "Drop to upload";

export const uploads = "Uploads";
export const clear = "Clear finished";
export const waiting = "Waiting";
export const sending = (share) => `Uploading, ${percent.format(share)}`;
export const locked = "Waiting for the access token";
export const saving = "Saving…";
export const cancel = "Cancel";
export const cancelled = "Cancelled";
export const cancelledLate = "Cancelled while the server was saving it: it may be stored";
export const retry = "Retry";
export const progress = (name) => `Upload of ${isolate(name)}`;
export const renamed = (sent, stored) => `Sent as ${isolate(sent)}, stored as ${isolate(stored)}`;
export const duplicate = "This image was already there, nothing was stored twice";
export const folder = "This is a folder. Drop the images in it instead";

export const gallery = "Newest images";
export const loading = "Loading…";
export const empty = "No images yet. Drop one anywhere on this page, paste one, or choose files above.";
export const more = "Load more";
export const format = (type) => type.replace(/^image\/(x-)?/, "").replace(/\+.*/, "").toUpperCase();
export const noPreview = (name) => `, no preview of ${isolate(name)}`;

export const copy = "Copy link";
export const copied = "Copied";
export const link = (name) => `Link to ${isolate(name)}`;
export const copyByHand = "This browser did not let the page copy. The link is selected: copy it from there.";

export const remove = "Delete";
export const keep = "Keep";
export const confirm = (name) => `Delete ${isolate(name)}?`;
export const consequence = "Pages that show this image will no longer find it.";
export const removed = (name) => `${isolate(name)} is deleted`;

export const tokenTitle = "This server asks for an access token";
export const tokenLabel = "Access token";
export const tokenHint = "It was set when the server was started. It is kept until you close this tab.";
export const tokenCharacters = "Letters, digits and signs, without spaces";
export const tokenWrong = "That token is wrong. Check it and try again.";
export const tokenSubmit = "Continue";

export const unreachable = "The server could not be reached. Check that it is running and try again.";
export const brokeOff = "The upload broke off: the server could not be reached, or the file cannot be read any more.";
export const unexplained = (status) => `The server answered ${status} without saying why.`;

export const started = (n) => (n === 1 ? "Uploading 1 file" : `Uploading ${n} files`);
export const failed = (name, reason) => (reason.includes(name) ? reason : `${isolate(name)}: ${reason}`);
// reasonAlone is for where the name stands already: the server begins with it.
export const reasonAlone = (name, reason) => (reason.startsWith(`${name}: `) ? reason.slice(name.length + 2) : reason);
export const finished = (stored, notStored) =>
  `${stored} uploaded` + (notStored > 0 ? `, ${notStored} not uploaded` : "");
export const listed = (n) => (n === 1 ? "1 more image" : `${n} more images`);

// about ends the name of a control that stands beside many of its kind.
export const about = (name) => ` ${isolate(name)}`;

const percent = new Intl.NumberFormat(undefined, { style: "percent" });
const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export const date = (iso) => dateAndTime.format(new Date(iso));
export const dimensions = (width, height) => `${width} × ${height}`;

// size writes a number of bytes in decimal units, as file managers do.
export function size(bytes) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  let i = 0;
  while (bytes >= 999.5 && i < units.length - 1) {
    bytes /= 1000;
    i++;
  }
  return new Intl.NumberFormat(undefined, {
    style: "unit",
    unit: units[i],
    unitDisplay: i === 0 ? "long" : "short",
    maximumFractionDigits: bytes < 10 ? 1 : 0,
  }).format(bytes);
}

// isolate keeps the direction of a name from turning the words around it.
function isolate(name) {
  return `\u2068${name}\u2069`;
}
