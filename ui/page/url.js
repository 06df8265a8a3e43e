// The parameters of the page's own URL. They make Back, Forward, a reload and a link show
// the same images again:
// - q: the search text;
// - sort: the order;
// - from: the cursor of the page of the list that is at the top of the window;
// - image: the name of the open image.

// urlParameters returns the parameters that the URL has.
export function urlParameters() {
  return Object.fromEntries(new URLSearchParams(location.search));
}

// pushURL adds a history entry with these parameters and this state. Back leads to the
// entry before it.
export function pushURL(changes, state = history.state) {
  history.pushState(state, "", changed(changes));
}

// replaceURL changes the current history entry.
export function replaceURL(changes, state = history.state) {
  history.replaceState(state, "", changed(changes));
}

// changed returns the URL with these parameters. It removes a parameter without a value.
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
