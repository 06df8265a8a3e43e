// What the browser keeps for this page: in a tab ("sessionStorage") or on this
// machine ("localStorage"). Where that is forbidden, even to be named, nothing
// is kept. Browsers have one storage for all paths of a host. Under a path, such
// as /img/, the keys begin with it, so that two servers do not share a token.

const scope = location.pathname === "/" ? "" : location.pathname;

// recall returns what is kept under key, or an empty string.
export function recall(area, key) {
  try {
    return globalThis[area].getItem(scope + key) ?? "";
  } catch {
    return "";
  }
}

// keep keeps the value, or takes away what is there when it is empty.
export function keep(area, key, value) {
  try {
    if (value === "") {
      globalThis[area].removeItem(scope + key);
    } else {
      globalThis[area].setItem(scope + key, value);
    }
  } catch {
    // The choice lasts as long as the page.
  }
}
