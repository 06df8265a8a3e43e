// Makes the parts of the page and connects them.

import * as api from "./api.js";
import { download } from "./archive.js";
import { rememberDeleteLink } from "./deletelinks.js";
import { Deletions } from "./deletion.js";
import { Gallery } from "./gallery.js";
import { help } from "./help.js";
import { Hero } from "./hero.js";
import { registerWorker } from "./install.js";
import { watchIntake } from "./intake.js";
import { handleKeys } from "./keys.js";
import { languageChooser } from "./language.js";
import { fetchLimits, refusal } from "./limits.js";
import { Menu, row } from "./menu.js";
import { Queue } from "./queue.js";
import { takeShared } from "./sharedfiles.js";
import { forEachSlice } from "./slices.js";
import { Upload } from "./upload.js";
import { connectOptionsButton, uploadOptions } from "./uploadoptions.js";
import { Uploads } from "./uploads.js";
import { Usage } from "./usage.js";
import { Viewer } from "./viewer.js";
import { showTrash } from "./trash.js";

const LIMITS_TIMEOUT = 3000; // milliseconds

const byID = (id) => document.getElementById(id);

const onOpen = (image) => viewer.open(image);
const onDelete = (images) => deletions.delete(images);
const isHidden = (filename) => deletions.includes(filename);

const deletions = new Deletions({
  hide: (images) => gallery.hide(images),
  show: (images) => gallery.show(images),
  onUndone: (images) => viewer.showAgain(images[0]),
  focus: (image) => gallery.focusImage(image),
  replace: (old, image) => gallery.replace(old, image),
  onDeleted: (image) => {
    gallery.remove(image);
    uploads.remove(image.filename);
  },
  uploadAgain: (image) => queue.retry(queue.uploads.filter((upload) => upload.image?.filename === image.filename).slice(0, 1)),
});

const viewer = new Viewer({
  neighbour: (image, step) => gallery.neighbour(image, step),
  isHidden,
  onDownload: download,
  onDelete,
  onChange: (old, image) => {
    gallery.replace(old, image);
    uploads.replace(old, image);
  },
  onClose: (image) => gallery.focusImage(image),
});

const hero = new Hero(byID("zone"), { onPaste: () => pasteImages() });

const gallery = new Gallery(byID("gallery"), {
  onOpen,
  onDelete,
  onDownload: download,
  onChange: () => {
    viewer.render();
    hero.releaseFocus(byID("upload"));
  },
  isHidden,
});

const queue = new Queue({
  send: (upload, callbacks, signal) => api.upload(upload.file, upload.options, callbacks, signal),
  isReachable: api.isReachable,
});
queue.addEventListener("change", ({ detail: uploads }) => {
  for (const { image } of uploads.filter((upload) => upload.state === "stored")) {
    rememberDeleteLink(image);
    deletions.cancel(image.filename); // at once, because the page may send the request to delete the image at any moment
  }
});
let mayBeUncounted = false;
const uploads = new Uploads(byID("uploads"), queue, {
  onOpen,
  // If the response to an upload was lost, the next response says that the image is a
  // duplicate, so the gallery has not counted it.
  onStored: (image) => {
    gallery.add(image);
    mayBeUncounted ||= image.duplicate;
    if (mayBeUncounted && !queue.unfinished) {
      mayBeUncounted = false;
      usage.refresh();
    }
  },
  onClose: () => byID("upload").focus(),
});

const intake = async (files, skipped = 0) => {
  const options = uploadOptions();
  const added = [];
  await forEachSlice(files, 200, (slice) => {
    added.push(...slice.map((file) => new Upload(file, options, file.refusal ?? refusal(file, options))));
  });
  if (added.some((upload) => upload.ended)) {
    // The server may have restarted with other limits.
    await fetchLimits(byID("file"), AbortSignal.timeout(LIMITS_TIMEOUT));
    added.filter((upload) => upload.ended).forEach((upload) => upload.refuse(upload.file.refusal ?? refusal(upload.file, options)));
  }
  uploads.addSkipped(skipped);
  queue.add(added);
};
const pasteImages = watchIntake([byID("file"), byID("folder"), byID("camera")], intake);

const menu = new Menu(gallery);
menu.add("settings", row(TEXT.language, languageChooser()));
menu.add("places", menu.item(TEXT.trash, () => showTrash((image) => {
  gallery.add(image);
  usage.refresh(); // the server may have merged the image with another
})));
const usage = new Usage((count) => gallery.setTotal(count));
menu.add("places", usage.element);
menu.onOpen(() => usage.refresh());
connectOptionsButton(byID("options-button"));
byID("upload").addEventListener("click", () => byID("file").click());
byID("skip").addEventListener("click", (event) => {
  event.preventDefault();
  gallery.focusImages();
});

handleKeys({
  page: { "/": () => gallery.focusSearch(), "?": help, escape: () => !document.querySelector(":popover-open") && gallery.clearSelection() },
  viewer: {
    arrowleft: () => viewer.arrowKey(-1),
    arrowright: () => viewer.arrowKey(1),
    arrowup: () => viewer.pan(-1),
    arrowdown: () => viewer.pan(1),
    delete: () => viewer.delete(),
    z: () => viewer.toggleZoom(),
    0: () => viewer.zoomKey("zoomToFit"),
    1: () => viewer.zoomKey("zoomTo", 1),
    "+": () => viewer.zoomKey("zoomIn"),
    "=": () => viewer.zoomKey("zoomIn"),
    "-": () => viewer.zoomKey("zoomOut"),
    i: () => viewer.toggleDetails(),
    "?": help,
  },
  undo: () => deletions.undo(),
});

fetchLimits(byID("file")).then(takeShared).then((files) => files.length > 0 && intake(files));
registerWorker();
gallery.load().then((loaded) => {
  viewer.showFromURL();
  if (loaded) {
    usage.refresh();
  }
});
