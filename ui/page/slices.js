// Work on long lists, in a way that the page stays responsive.

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

// lowest returns the lowest number below length for which test is true, or length. test is
// false up to some number, and true from there on.
export function lowest(length, test) {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (test(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}
