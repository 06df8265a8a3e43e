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
    await delayOrOnline(i);
    if (await api.isReachable()) {
      return true;
    }
  }
}

// delayOrOnline waits before check number i, from 0 on. It resolves earlier if the browser
// reports that the device is online again.
export function delayOrOnline(i) {
  const timeout = AbortSignal.timeout(1000 * (DELAYS[i] ?? DELAYS.at(-1)));
  return new Promise((resolve) => {
    timeout.addEventListener("abort", resolve);
    addEventListener("online", resolve, { once: true, signal: timeout });
  });
}
