// The service worker. It receives images that other apps share with the installed page, and
// keeps them until the page uploads them. It does nothing else: the page always comes from
// the server. The page needs it because the share sheet cannot send the access token.

import { keepShared } from "./sharedfiles.js";

addEventListener("fetch", (event) => {
  const { request } = event;
  // manifest.webmanifest has the same URL.
  if (request.method === "POST" && request.url === new URL("share", registration.scope).href) {
    event.respondWith(receive(request));
  }
});

async function receive(request) {
  const form = await request.formData();
  await keepShared(form.getAll("file"));
  return Response.redirect(registration.scope, 303);
}
