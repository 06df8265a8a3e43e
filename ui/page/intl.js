// Writes numbers, sizes, times and dates in the language of the page.

export const language = document.documentElement.lang;

// The reader's own variant of the language, such as en-GB, has its own form of dates.
const locale = navigator.languages.find((tag) => tag.split("-")[0] === language) ?? language;

const percentage = new Intl.NumberFormat(locale, { style: "percent" });
const dateAndTime = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const dateAndSecond = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });
const dayOfYear = new Intl.DateTimeFormat(locale, { weekday: "long", month: "long", day: "numeric" });
const fullDay = new Intl.DateTimeFormat(locale, { dateStyle: "long" });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
const whole = new Intl.NumberFormat(locale);
const pluralRules = new Intl.PluralRules(language);

export const percent = (share) => percentage.format(share);
export const date = (iso) => dateAndTime.format(new Date(iso));
export const exactTime = (iso) => dateAndSecond.format(new Date(iso));
export const number = (n) => whole.format(n);

// plural returns the plural form of the language for n of something, such as "one" (Unicode
// CLDR).
export const plural = (n) => pluralRules.select(n);

// day writes a day, as today, yesterday or a date. start is when it begins.
export function day(start) {
  const today = new Date().setHours(0, 0, 0, 0);
  const ago = Math.round((today - start) / 864e5); // a day may have 23 or 25 hours
  const sameYear = new Date(start).getFullYear() === new Date(today).getFullYear();
  const text = ago === 0 || ago === 1 ? relative.format(-ago, "day") : (sameYear ? dayOfYear : fullDay).format(start);
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
export function duration(seconds) {
  const [n, name] = seconds < 60 ? [seconds, "second"] : seconds < 3600 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  return unit(Math.ceil(n), name, "short", 0);
}

// period writes a number of seconds as whole days, hours, minutes or seconds, such as
// "36 hours". From two days on, it writes days.
export function period(seconds) {
  const [n, name] = seconds >= 172_800 ? [seconds / 86_400, "day"] : seconds >= 3600 ? [seconds / 3600, "hour"] :
    seconds >= 60 ? [seconds / 60, "minute"] : [seconds, "second"];
  return unit(Math.floor(n), name, "long", 0);
}

const formats = new Map(); // making a format takes longer than using it

function unit(n, name, display, digits) {
  const key = `${name} ${display} ${digits}`;
  if (!formats.has(key)) {
    formats.set(key, new Intl.NumberFormat(locale, {
      style: "unit", unit: name, unitDisplay: display, maximumFractionDigits: digits,
    }));
  }
  return formats.get(key).format(n);
}

// timeAgo writes how long ago a time was, such as "3 minutes ago".
export function timeAgo(iso) {
  const { n, name } = inUnit((Date.now() - new Date(iso)) / 1000, Math.floor);
  return relative.format(-n, name);
}

// timeLeft writes how long it is until a time, such as "23 hours".
export function timeLeft(iso) {
  const { n, name } = inUnit(Math.max(0, new Date(iso) - Date.now()) / 1000, Math.ceil);
  return unit(n, name, "long", 0);
}

// inUnit returns the seconds in the largest unit of which there is at least one.
function inUnit(seconds, round) {
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const [name, length] = units.find(([, length]) => seconds >= length) ?? units.at(-1);
  return { n: round(seconds / length), name };
}
