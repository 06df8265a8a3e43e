// The parameters of the page's own URL. With them Back, Forward, a reload and a
// link show the same again: q (the search), sort, from (the cursor of the list's
// page at the top of the window) and image (the one that is open).

// urlParameters returns the parameters that the URL has.
export function urlParameters() {
  return Object.fromEntries(new URLSearchParams(location.search));
}

// pushURL adds a history entry with these parameters, which Back leaves. The entry
// keeps state.
export function pushURL(changes, state = history.state) {
  history.pushState(state, "", changed(changes));
}

// replaceURL changes the current history entry.
export function replaceURL(changes, state = history.state) {
  history.replaceState(state, "", changed(changes));
}

// changed returns the URL with these parameters. An empty one is removed.
function changed(changes) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value) {
      url.searchParams.set(name, value);
    } else {
      url.searchParams.delete(name);
    }
  }
  return url;
}
