// The service worker. It receives images that other apps share with the installed page, and
// keeps them until the page uploads them. It does nothing else: the page always comes from
// the server. The worker is necessary because the share sheet of a phone cannot send the
// access token.

import { keepShared } from "./sharedfiles.js";

const SHARE = new URL("share", registration.scope); // manifest.webmanifest has the same URL

// All other requests go to the network without this worker. When the reader leaves the page,
// the page sends its last requests, such as deletions. The browser would lose these requests if
// they passed through a worker. If a browser has no addRoutes, the worker unregisters itself.
addEventListener("install", (event) => event.waitUntil(goAround(event).catch(() => registration.unregister())));

async function goAround(event) {
  await event.addRoutes({ condition: { not: { urlPattern: new URLPattern({ pathname: SHARE.pathname }) } }, source: "network" });
}

addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "POST" && request.url === SHARE.href) {
    event.respondWith(receive(request));
  }
});

async function receive(request) {
  const form = await request.formData();
  await keepShared(form.getAll("file"));
  return Response.redirect(registration.scope, 303);
}
