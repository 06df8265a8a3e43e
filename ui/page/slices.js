// Long work in short pieces: the browser gets its turn between them.

// inSlices calls act with the items, so many at a time.
export async function inSlices(items, size, act) {
  for (let i = 0; i < items.length; i += size) {
    if (i > 0) {
      await new Promise((resolve) => { setTimeout(resolve); });
    }
    act(items.slice(i, i + size));
  }
}
