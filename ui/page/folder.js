// Reads the files in dropped folders (File and Directory Entries API).

import * as words from "./words.js";

// compareNames sorts names and paths as people read them. 2 comes before 10.
export const compareNames = new Intl.Collator(undefined, { numeric: true }).compare;

// droppedFiles returns the dropped files, and the files in dropped folders, in the order of
// their paths. For a file or a folder that cannot be read, it returns an empty File with
// the property refusalReason. The browser discards the items after the drop event, so
// droppedFiles uses every item before the first await.
export async function droppedFiles(items) {
  const files = items.map((item) => {
    const entry = item.webkitGetAsEntry();
    return entry?.isDirectory ? folderFiles(entry) : item.getAsFile();
  });
  return (await Promise.all(files)).flat().filter(Boolean);
}

async function folderFiles(folder) {
  const files = await walk(folder);
  return files.length > 0 ? files : refused(folder, words.emptyFolder);
}

async function walk(folder) {
  try {
    const entries = await readEntries(folder);
    entries.sort((a, b) => compareNames(a.name, b.name));
    return (await Promise.all(entries.map((entry) => (entry.isDirectory ? walk(entry) : readFile(entry))))).flat();
  } catch {
    return [refused(folder, words.unreadableFolder)];
  }
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
    entry.file(resolve, () => resolve(refused(entry, words.unreadable)));
  });
}

function refused(entry, refusalReason) {
  return Object.assign(new File([], entry.name), { refusalReason });
}
