// Reads when, where and with which camera a photo was taken (Exif 2.32, in TIFF form). The
// page reads only a part of the file. It reads JPEG, PNG (eXIf), WebP (EXIF), TIFF, and HEIC
// and AVIF (an item of the type Exif, ISO/IEC 23008-12 A.2.1).

const WINDOW = 256 * 1024; // bytes that one request reads
const MAX_REQUESTS = 4; // requests for one file; more than two, because WebP has its metadata at the end of the file
const MAX_STEPS = 2000; // segments, chunks or boxes of a file
const MAX_EXTENTS = 100_000; // pieces of items in iloc; without a limit, a small file could list billions of pieces that need no bytes

// readExif returns the facts in the metadata of a photo. Each may be missing: camera, lens, time
// ("2024-05-01T12:00:00", in the time zone of the camera), exposure (seconds), aperture, iso,
// focal (millimetres), and location ({ latitude, longitude }, in degrees). size is the size of
// the file in bytes. fetchRange(from, to) returns the bytes from the offset `from` to before the
// offset `to`. If the file has no metadata or is damaged, readExif returns an empty object. It
// throws the errors of fetchRange.
export async function readExif(size, fetchRange) {
  const file = new File(size, fetchRange);
  let tiff = null;
  try {
    tiff = await findTIFF(file);
    return tiff ? facts(new TIFF(tiff)) : {};
  } catch (error) {
    if (error instanceof RangeError) {
      return {}; // the file ends too early, or an offset points outside of the file
    }
    throw error;
  }
}

// File reads parts of the file and keeps the last window.
class File {
  #fetchRange;
  #start = 0;
  #bytes = new Uint8Array();
  #requests = 0;

  constructor(size, fetchRange) {
    this.size = size;
    this.#fetchRange = fetchRange;
  }

  // view returns length bytes from offset.
  async view(offset, length) {
    const inWindow = () => offset >= this.#start && offset + length <= this.#start + this.#bytes.length;
    if (!inWindow()) {
      if (offset + length > this.size || ++this.#requests > MAX_REQUESTS) {
        throw new RangeError();
      }
      this.#bytes = await this.#fetchRange(offset, Math.min(this.size, offset + Math.max(WINDOW, length)));
      this.#start = offset;
      if (!inWindow()) {
        throw new RangeError();
      }
    }
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + offset - this.#start, length);
  }
}

function text(view, offset, length) {
  return String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + offset, length));
}

// findTIFF returns the metadata, or null.
async function findTIFF(file) {
  const start = await file.view(0, Math.min(file.size, 12));
  if (start.getUint16(0) === 0xFFD8) {
    return inJPEG(file);
  }
  if (text(start, 0, 4) === "RIFF") {
    return inChunks(file, 12, "EXIF", (view) => [text(view, 0, 4), view.getUint32(4, true), 8, 8 + view.getUint32(4, true) % 2]);
  }
  if (text(start, 1, 3) === "PNG") {
    return inChunks(file, 8, "eXIf", (view) => [text(view, 4, 4), view.getUint32(0), 8, 12]);
  }
  if (text(start, 4, 4) === "ftyp") {
    return inBoxes(file);
  }
  return ["II*\0", "MM\0*"].includes(text(start, 0, 4)) ? file.view(0, Math.min(file.size, WINDOW)) : null;
}

async function inJPEG(file) {
  for (let at = 2, step = 0; step < MAX_STEPS; step++) {
    const head = await file.view(at, 4);
    const marker = head.getUint16(0);
    const length = head.getUint16(2);
    if (marker === 0xFFDA || marker < 0xFFC0) {
      return null; // the picture begins
    }
    if (marker === 0xFFE1 && length > 8 && text(await file.view(at + 4, 6), 0, 6) === "Exif\0\0") {
      return file.view(at + 10, length - 8);
    }
    at += 2 + length;
  }
  return null;
}

// inChunks looks for a type of chunk in a list of chunks. parse returns four facts about a
// chunk: its type, the number of bytes in its content, the number of bytes before the content,
// and the number of bytes before and after the content together.
async function inChunks(file, start, wanted, parse) {
  for (let at = start, step = 0; at + 8 <= file.size && step < MAX_STEPS; step++) {
    const [type, length, before, around] = parse(await file.view(at, 8));
    if (type === wanted) {
      const content = await file.view(at + before, length);
      return length > 6 && text(content, 0, 6) === "Exif\0\0" ? shifted(content, 6) : content;
    }
    at += length + around;
  }
  return null;
}

function shifted(view, by) {
  return new DataView(view.buffer, view.byteOffset + by, view.byteLength - by);
}

// boxes yields the boxes in a view: their type, and their content as a view.
function* boxes(view) {
  for (let at = 0; at + 8 <= view.byteLength;) {
    const length = view.getUint32(at) || view.byteLength - at;
    if (length < 8 || at + length > view.byteLength) {
      return;
    }
    yield [text(view, at + 4, 4), new DataView(view.buffer, view.byteOffset + at + 8, length - 8)];
    at += length;
  }
}

// inBoxes finds the box meta. There, iinf has the number of the item with the metadata, and
// iloc has its place.
async function inBoxes(file) {
  for (let at = 0, step = 0; step < MAX_STEPS; step++) {
    const head = await file.view(at, 8);
    const length = head.getUint32(0);
    if (text(head, 4, 4) === "meta") {
      const inside = Object.fromEntries(boxes(shifted(await file.view(at + 8, length - 8), 4)));
      const id = inside.iinf && itemID(inside.iinf);
      const place = id && inside.iloc && itemPlace(inside.iloc, id);
      if (!place) {
        return null;
      }
      const content = await file.view(...place);
      return shifted(content, 4 + content.getUint32(0)); // the content begins with the number of bytes before the TIFF header
    }
    if (length < 8) {
      return null;
    }
    at += length;
  }
  return null;
}

function itemID(iinf) {
  for (const [type, entry] of boxes(shifted(iinf, iinf.getUint8(0) === 0 ? 6 : 8))) {
    const wide = entry.getUint8(0) > 2;
    if (type === "infe" && text(entry, wide ? 10 : 8, 4) === "Exif") {
      return wide ? entry.getUint32(4) : entry.getUint16(4);
    }
  }
  return 0;
}

// itemPlace returns the offset and the length of the first piece of an item. It returns undefined
// if the item is not in this file.
function itemPlace(iloc, wanted) {
  const version = iloc.getUint8(0);
  const sizes = iloc.getUint16(4);
  let at = 6;
  const next = (length) => {
    at += length;
    return length === 8 ? Number(iloc.getBigUint64(at - 8)) : length === 4 ? iloc.getUint32(at - 4) : length === 2 ? iloc.getUint16(at - 2) : 0;
  };
  const wide = version === 2 ? 4 : 2;
  let read = 0;
  for (let items = next(wide); items > 0; items--) {
    const id = next(wide);
    const inFile = version === 0 || (next(2) & 15) === 0;
    next(2); // skip the number of the file that has the item
    const base = next(sizes >> 4 & 15);
    let place;
    for (let extents = next(2); extents > 0; extents--) {
      if (++read > MAX_EXTENTS) {
        throw new RangeError();
      }
      next(version === 0 ? 0 : sizes & 15);
      place ??= [base + next(sizes >> 12), next(sizes >> 8 & 15)];
    }
    if (id === wanted) {
      return inFile ? place : undefined;
    }
  }
  return undefined;
}

// TIFF reads the fields of metadata in TIFF form.
class TIFF {
  #view;
  #little;

  constructor(view) {
    this.#view = view;
    this.#little = view.getUint16(0) === 0x4949;
  }

  #u16(at) { return this.#view.getUint16(at, this.#little); }
  #u32(at) { return this.#view.getUint32(at, this.#little); }

  // root returns the fields of the first directory.
  root() {
    return this.directory(this.#u32(4));
  }

  // directory returns a function that reads a field of the directory at this offset: a
  // text, or a list of numbers. Without the field, the function returns undefined.
  directory(offset) {
    const entries = new Map();
    for (let i = 0; offset && i < this.#u16(offset); i++) {
      const at = offset + 2 + 12 * i;
      entries.set(this.#u16(at), at);
    }
    return (tag) => entries.has(tag) ? this.#value(entries.get(tag)) : undefined;
  }

  #value(at) {
    const type = this.#u16(at + 2);
    const count = this.#u32(at + 4);
    const width = { 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 10: 8 }[type];
    if (!width || count > 1000) {
      return undefined;
    }
    const from = width * count <= 4 ? at + 8 : this.#u32(at + 8);
    if (type === 2) {
      const bytes = new Uint8Array(this.#view.buffer, this.#view.byteOffset + from, Math.min(count, this.#view.byteLength - from));
      return new TextDecoder().decode(bytes).split("\0")[0].trim() || undefined;
    }
    const read = {
      1: (i) => this.#view.getUint8(i),
      3: (i) => this.#u16(i),
      4: (i) => this.#u32(i),
      5: (i) => this.#u32(i) / this.#u32(i + 4),
      10: (i) => this.#view.getInt32(i, this.#little) / this.#view.getInt32(i + 4, this.#little),
    }[type];
    return Array.from({ length: count }, (_, i) => read(from + width * i));
  }
}

function facts(tiff) {
  const image = tiff.root();
  const photo = tiff.directory(image(0x8769)?.[0]);
  const place = tiff.directory(image(0x8825)?.[0]);
  const positive = (numbers) => (numbers?.[0] > 0 && numbers[0] < Infinity ? numbers[0] : undefined);
  const [make, model] = [string(image(0x010F)), string(image(0x0110))];
  return {
    camera: model && make && !model.toLowerCase().startsWith(make.split(" ")[0].toLowerCase()) ? `${make} ${model}` : model ?? make,
    lens: string(photo(0xA434)),
    time: time(string(photo(0x9003) ?? image(0x0132))),
    exposure: positive(photo(0x829A)),
    aperture: positive(photo(0x829D)),
    iso: positive(photo(0x8827)),
    focal: positive(photo(0x920A)),
    location: location(degrees(place(2), place(1), "S"), degrees(place(4), place(3), "W")),
  };
}

function string(value) {
  return typeof value === "string" ? value : undefined;
}

function time(value = "") {
  const parts = /^(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)$/.exec(value);
  const iso = parts && `${parts[1]}-${parts[2]}-${parts[3]}T${parts[4]}`;
  return iso && !Number.isNaN(Date.parse(iso)) ? iso : undefined;
}

// degrees returns NaN if the degrees are missing. Some cameras write 0/0 for minutes or
// seconds that they do not know.
function degrees(parts, direction, negative) {
  const [d, m, s] = Array.isArray(parts) ? parts : [];
  return (d + (m || 0) / 60 + (s || 0) / 3600) * (String(direction).startsWith(negative) ? -1 : 1);
}

function location(latitude, longitude) {
  const known = Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 && (latitude !== 0 || longitude !== 0);
  return known ? { latitude, longitude } : undefined;
}
