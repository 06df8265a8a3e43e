// Folders that were dropped, down to their files (File and Directory Entries
// API).

import * as words from "./words.js";

// byName sorts names and paths as people read them: 2 before 10.
export const byName = new Intl.Collator(undefined, { numeric: true }).compare;

// filesIn returns the Files among the items of a drop and in its folders, in
// the order of their paths. What cannot be read comes as an empty File with a
// mark, objection, that says why. The items are gone when the event is over, so
// it takes hold of all of them before it waits.
export async function filesIn(items) {
  const held = items.map((item) => {
    const entry = item.webkitGetAsEntry();
    return entry?.isDirectory ? unpack(entry) : item.getAsFile();
  });
  return (await Promise.all(held)).flat().filter(Boolean);
}

async function unpack(folder) {
  const files = await walk(folder);
  return files.length > 0 ? files : unread(folder, words.emptyFolder);
}

async function walk(folder) {
  try {
    const entries = await children(folder);
    entries.sort((a, b) => byName(a.name, b.name));
    return (await Promise.all(entries.map((entry) => (entry.isDirectory ? walk(entry) : open(entry))))).flat();
  } catch {
    return [unread(folder, words.unreadableFolder)];
  }
}

// children reads all entries: readEntries gives some at a time (Chromium 100),
// and none when there are no more.
async function children(folder) {
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

function open(entry) {
  return new Promise((resolve) => {
    entry.file(resolve, () => resolve(unread(entry, words.unreadable)));
  });
}

function unread(entry, objection) {
  return Object.assign(new File([], entry.name), { objection });
}
