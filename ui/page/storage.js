// Values that the browser stores for this page, for the tab ("sessionStorage") or on this
// device ("localStorage"). If the browser forbids storage, the page stores nothing. Then
// even reading the property can throw. Browsers have one storage for all paths of a host.
// So under a path such as /img/, the keys begin with the path. Two servers on one host then
// do not share a token.

const prefix = location.pathname === "/" ? "" : location.pathname;

// readItem returns the stored value, or an empty string.
export function readItem(area, key) {
  try {
    return globalThis[area].getItem(prefix + key) ?? "";
  } catch {
    return "";
  }
}

// writeItem stores the value. An empty value deletes the item.
export function writeItem(area, key, value) {
  try {
    if (value === "") {
      globalThis[area].removeItem(prefix + key);
    } else {
      globalThis[area].setItem(prefix + key, value);
    }
  } catch {
    // The value is lost when the page is closed.
  }
}
