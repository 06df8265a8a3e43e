// The delete links of the images that this browser has uploaded. Only the response to an
// upload contains the link, so the browser keeps it.

import { readItem, writeItem } from "./storage.js";

const KEY = "delete-links";
const MAX = 500; // links; the oldest are forgotten

// rememberDeleteLink stores the link of an image that was just uploaded, if the response
// has one.
export function rememberDeleteLink(image) {
  if (image.delete_url) {
    save([...load().filter((link) => !belongs(link, image)), { name: image.filename, digest: image.sha256, url: image.delete_url }]);
  }
}

// renameDeleteLink keeps the link of an image that has another name now.
export function renameDeleteLink(old, image) {
  const links = load();
  const link = links.find((one) => belongs(one, old));
  if (link && old.sha256 === image.sha256) {
    link.name = image.filename;
    save(links);
  }
}

// deleteLink returns the link, or an empty text.
export function deleteLink(image) {
  return load().find((link) => belongs(link, image))?.url ?? "";
}

// forgetDeleteLinks deletes all links in this browser.
export function forgetDeleteLinks() {
  writeItem("localStorage", KEY, "");
}

function belongs(link, image) {
  return link.name === image.filename && link.digest === image.sha256;
}

function load() {
  try {
    const links = JSON.parse(readItem("localStorage", KEY));
    return Array.isArray(links) ? links.filter((link) => typeof link?.url === "string") : [];
  } catch {
    return [];
  }
}

function save(links) {
  writeItem("localStorage", KEY, JSON.stringify(links.slice(-MAX)));
}
