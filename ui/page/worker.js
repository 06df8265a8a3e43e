// The service worker. It receives images that other apps share with the installed page, and
// keeps them until the page uploads them. It does nothing else: the page always comes from
// the server. The page needs it because the share sheet cannot send the access token.

import { keepShared } from "./sharedfiles.js";

const SHARE = new URL("share", registration.scope); // manifest.webmanifest has the same URL

// All other requests go to the network without this worker. A request that passes through a
// worker is lost when the reader leaves the page, and the page then deletes images. A browser
// that has no such routes removes the worker.
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
