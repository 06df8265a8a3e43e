// Long work in short pieces, so that the page stays responsive.

// forEachSlice calls handle with at most this number of items at a time. Between two
// calls the browser can handle events and paint.
export async function forEachSlice(items, size, handle) {
  for (let i = 0; i < items.length; i += size) {
    if (i > 0) {
      await new Promise((resolve) => { setTimeout(resolve); });
    }
    handle(items.slice(i, i + size));
  }
}
