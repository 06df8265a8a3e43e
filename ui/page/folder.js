// Reads the files in dropped folders (File and Directory Entries API).

import { intl } from "./intl.js";

// sortBy sorts items by a property that has a name or a path, as people read it: 2 comes before
// 10.
export function sortBy(items, property) {
  const { compare } = intl("Collator", { numeric: true });
  return items.sort((a, b) => compare(a[property], b[property]));
}

// isSystemFile reports whether a path in a folder is of a file that people do not see:
// a hidden file, or a file that a system writes into folders.
export function isSystemFile(path) {
  return path.split("/").some((part) => /^(\..*|__MACOSX|Thumbs\.db|ehthumbs\.db|desktop\.ini)$/i.test(part));
}

// droppedFiles returns { files, skipped }. files are the dropped files and the files in
// dropped folders, in the order of their paths. skipped is the number of system files in the
// folders. A file or a folder that cannot be read is an empty File with the property
// refusal, see Upload. The browser discards the items after the drop event, so droppedFiles
// uses every item before the first await.
export async function droppedFiles(items) {
  const found = items.map((item) => {
    const entry = item.webkitGetAsEntry();
    return entry?.isDirectory ? folderFiles(entry) : { files: [item.getAsFile()].filter(Boolean), skipped: 0 };
  });
  return joined(await Promise.all(found));
}

async function folderFiles(folder) {
  const found = await walk(folder);
  return found.files.length > 0 ? found : { ...found, files: [refused(folder, "empty_folder", TEXT.emptyFolder)] };
}

async function walk(folder) {
  try {
    const entries = await readEntries(folder);
    const shown = sortBy(entries.filter(({ name }) => !isSystemFile(name)), "name");
    const found = await Promise.all(shown.map(async (entry) => (entry.isDirectory ? walk(entry) : { files: [await readFile(entry)], skipped: 0 })));
    return joined([...found, { files: [], skipped: entries.length - shown.length }]);
  } catch {
    return { files: [refused(folder, "unreadable", TEXT.unreadableFolder)], skipped: 0 };
  }
}

function joined(all) {
  return { files: all.flatMap(({ files }) => files), skipped: all.reduce((sum, { skipped }) => sum + skipped, 0) };
}

// readEntries returns all entries of a folder. The browser's reader returns some entries
// at a time (100 in Chromium), and no entries at the end.
async function readEntries(folder) {
  const reader = folder.createReader();
  const entries = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (some.length === 0) {
      return entries;
    }
    entries.push(...some);
  }
}

function readFile(entry) {
  return new Promise((resolve) => {
    entry.file(resolve, () => resolve(refused(entry, "unreadable", TEXT.unreadable)));
  });
}

function refused(entry, kind, reason) {
  return Object.assign(new File([], entry.name), { refusal: { kind, reason } });
}
