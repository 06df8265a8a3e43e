// Lets people install the page as an app, which can receive images from other apps.

// registerWorker registers the service worker. Only browsers made from Chromium share images
// with a page, and only they have userAgentData. Browsers allow workers only for https and for
// this machine. Without the worker, the page works as usual.
export function registerWorker() {
  if (!navigator.serviceWorker || !navigator.userAgentData) {
    return;
  }
  // The policy of the page (ui.go) allows this Trusted Types policy, which can make no other
  // URL than this one.
  const policy = globalThis.trustedTypes?.createPolicy("worker", { createScriptURL: () => "ui/worker.js" });
  const url = policy?.createScriptURL("") ?? "ui/worker.js";
  navigator.serviceWorker.register(url, { scope: "./" }).catch(() => {}); // for example in a private window
}
