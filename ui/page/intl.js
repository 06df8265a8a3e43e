// Writes numbers, sizes, times and dates in the language of the page.

export const language = document.documentElement.lang;

// The reader's own variant of the language, such as en-GB, has its own form of dates.
const locale = navigator.languages.find((tag) => tag.split("-")[0] === language) ?? language;

const DAY = 86_400; // seconds

const formats = new Map();

// intl returns an object of Intl, such as a NumberFormat. It makes each object when the page
// first needs it: the first one takes 40 ms of the processor, because the browser reads its
// tables.
export function intl(kind, options = {}) {
  const key = kind + Object.values(options);
  if (!formats.has(key)) {
    formats.set(key, new Intl[kind](locale, options));
  }
  return formats.get(key);
}

export const percent = (share) => intl("NumberFormat", { style: "percent" }).format(share);
export const date = (iso) => intl("DateTimeFormat", { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
export const exactTime = (iso) => intl("DateTimeFormat", { dateStyle: "medium", timeStyle: "medium" }).format(new Date(iso));
export const number = (n) => intl("NumberFormat").format(n);

// relative writes a number of days, hours, minutes or seconds from now, such as "yesterday".
const relative = (n, unit) => intl("RelativeTimeFormat", { numeric: "auto" }).format(n, unit);

// plural returns the plural form of the language for n of something, such as "one" (Unicode
// CLDR).
export const plural = (n) => intl("PluralRules").select(n);

// day writes a day, as today, yesterday or a date. start is when it begins.
export function day(start) {
  const today = new Date().setHours(0, 0, 0, 0);
  const ago = Math.round((today - start) / 864e5); // a day may have 23 or 25 hours
  const sameYear = new Date(start).getFullYear() === new Date(today).getFullYear();
  const text = ago === 0 || ago === 1 ? relative(-ago, "day") :
    intl("DateTimeFormat", sameYear ? { weekday: "long", month: "long", day: "numeric" } : { dateStyle: "long" }).format(start);
  return text.charAt(0).toLocaleUpperCase(locale) + text.slice(1);
}

// size writes a number of bytes. A kB has 1024 bytes and an MB has 1024 kB, because the
// server's limits are powers of two: a limit of 64 MiB is "64 MB", here and in the messages
// of the server.
export function size(bytes) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  let i = 0;
  while (bytes >= 1023.5 && i < units.length - 1) {
    bytes /= 1024;
    i++;
  }
  return unit(bytes, units[i], i === 0 ? "long" : "short", bytes < 10 ? 1 : 0);
}

// duration writes seconds as seconds, minutes or hours.
export const duration = (seconds) => unit(...inUnit(seconds, Math.ceil, Infinity), "short", 0);

// period writes a number of seconds as whole days, hours, minutes or seconds, such as
// "36 hours". From two days on, it writes days.
export const period = (seconds) => unit(...inUnit(seconds, Math.floor, 2 * DAY), "long", 0);

// timeAgo writes how long ago a time was, such as "3 minutes ago".
export function timeAgo(iso) {
  const [n, name] = inUnit((Date.now() - new Date(iso)) / 1000, Math.floor);
  return relative(-n, name);
}

// timeLeft writes how long it is until a time, such as "23 hours".
export const timeLeft = (iso) => unit(...inUnit(Math.max(0, new Date(iso) - Date.now()) / 1000, Math.ceil), "long", 0);

// inUnit returns the seconds in the largest unit of which there is at least one, and the unit.
// From this number of seconds on, the unit is days.
function inUnit(seconds, round, days = DAY) {
  const [name, length] = seconds >= days ? ["day", DAY] : seconds >= 3600 ? ["hour", 3600] : seconds >= 60 ? ["minute", 60] : ["second", 1];
  return [round(seconds / length), name];
}

function unit(n, name, display, digits) {
  return intl("NumberFormat", { style: "unit", unit: name, unitDisplay: display, maximumFractionDigits: digits }).format(n);
}
