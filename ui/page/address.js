// The page's own URL, in which Back, Forward, a reload and a link find what was
// there: q (what is looked for), sort, from (the page of the list at the top of
// the window) and image (the one that is open).

// address returns what the URL says, without what it leaves out.
export function address() {
  return Object.fromEntries(new URLSearchParams(location.search));
}

// visit changes the URL as one that Back leads away from. state is kept with
// it.
export function visit(changes, state = history.state) {
  history.pushState(state, "", changed(changes));
}

// amend changes the URL in place.
export function amend(changes, state = history.state) {
  history.replaceState(state, "", changed(changes));
}

// changed returns the URL with these parameters; an empty one goes.
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
