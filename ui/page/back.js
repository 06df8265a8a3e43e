// Waits for a server that does not respond.

import * as api from "./api.js";

const DELAYS = [1, 2, 4, 8, 15]; // seconds before each check whether the server responds again

let waiting = null; // the promise of the check that is running, or null

// serverBack resolves when the server responds, with whether the server did not respond at
// first. All parts of the page wait for the same check.
export function serverBack() {
  waiting ??= check().finally(() => { waiting = null; });
  return waiting;
}

async function check() {
  if (await api.isReachable()) {
    return false;
  }
  for (let i = 0; ; i++) {
    const delay = 1000 * DELAYS[Math.min(i, DELAYS.length - 1)];
    await new Promise((resolve) => {
      setTimeout(resolve, delay);
      addEventListener("online", resolve, { once: true });
    });
    if (await api.isReachable()) {
      return true;
    }
  }
}
