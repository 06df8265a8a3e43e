// The page: what comes in is uploaded, what is stored stands in the gallery.
// Here its parts are made known to each other.

import * as api from "./api.js";
import { download } from "./archive.js";
import { coloursChooser } from "./colours.js";
import { Deletions } from "./deletion.js";
import { button } from "./dom.js";
import { Gallery } from "./gallery.js";
import { help } from "./help.js";
import { intake } from "./intake.js";
import { keys } from "./keys.js";
import { learn, objection } from "./limits.js";
import { Queue } from "./queue.js";
import { Selection } from "./selection.js";
import { inSlices } from "./slices.js";
import { Upload } from "./upload.js";
import { Uploads } from "./uploads.js";
import { Viewer } from "./viewer.js";
import * as words from "./words.js";

const byID = (id) => document.getElementById(id);

const open = (image) => viewer.open(image);
const remove = (images) => deletions.remove(images);

const deletions = new Deletions({
  hide: (images) => gallery.hide(images),
  show: (images) => gallery.show(images),
  focus: (image) => gallery.focusOn(image),
  replace: (image, became) => gallery.replace(image, became),
  gone: (image) => {
    gallery.forget(image);
    uploads.forget(image.filename);
  },
  lost: (image) => queue.retry(queue.uploads.filter((upload) => upload.image?.filename === image.filename).slice(-1)),
});

const gallery = new Gallery(byID("gallery"), {
  open,
  remove: (image) => remove([image]),
  pick: (card, range) => (card ? selection.pick(card, range) : selection.clear()),
  hides: (filename) => deletions.pending(filename),
  changed: () => {
    selection.render();
    viewer.render();
  },
});

const selection = new Selection({
  cards: () => gallery.cards,
  focus: (card) => gallery.focus(card),
  download,
  remove,
});
byID("gallery").append(selection.element);

const viewer = new Viewer({
  beside: (image, step) => gallery.beside(image, step),
  hides: (filename) => deletions.pending(filename),
  renamed: (image, became) => {
    gallery.replace(image, became);
    uploads.replace(image, became);
  },
  closed: (image) => gallery.focusOn(image),
  download,
  remove,
});

const uploads = new Uploads(byID("uploads"), {
  open,
  stored: (image) => gallery.add(image),
});
const queue = new Queue({
  send: api.upload,
  reachable: api.reachable,
  changed: (upload) => {
    if (upload?.state === "stored") {
      deletions.keep(upload.image.filename); // at once: its deletion may be a moment away
    }
    uploads.changed(upload);
  },
});
uploads.attach(queue);

intake([byID("file"), byID("folder"), byID("camera")], async (files) => {
  const chosen = [];
  if (files.some(objection)) {
    // The server may have been started anew, with other limits.
    await learn(byID("file"), AbortSignal.timeout(3000));
  }
  await inSlices(files, 50, (some) => {
    chosen.push(...some.map((file) => new Upload(file, file.objection || objection(file))));
  });
  queue.add(chosen);
  uploads.add(chosen);
});

byID("tools").append(coloursChooser(), button(words.help, help));

keys({
  page: { "/": () => gallery.search(), "?": help },
  viewer: {
    arrowleft: () => viewer.key(-1),
    arrowright: () => viewer.key(1),
    delete: () => viewer.remove(),
    z: () => viewer.zoom(),
    "?": help,
  },
  undo: () => deletions.undo(),
});

learn(byID("file"));
gallery.load().then(() => viewer.follow());
