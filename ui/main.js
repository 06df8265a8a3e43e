// The page: what comes in is uploaded, what is stored stands in the gallery.

import { Gallery } from "./gallery.js";
import { intake } from "./intake.js";
import { Uploads } from "./uploads.js";
import * as words from "./words.js";

const byID = (id) => document.getElementById(id);

const gallery = new Gallery(byID("gallery"), (filename) => uploads.forget(filename));
const uploads = new Uploads(byID("uploads"), (image) => gallery.add(image));

byID("zone-title").textContent = words.zone;
document.documentElement.classList.add("scripted"); // style.css makes a drop zone of the form
intake(byID("file"), (files) => uploads.add(files));
gallery.load();
