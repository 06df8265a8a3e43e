// Computes the place and the size of each image in the gallery. It does not use the elements of
// the page.

// The shape of a picture is its width divided by its height. A picture in a row has a shape
// between these two. A picture that is narrower or wider is cut to fit.
const NARROWEST = 0.5;
const WIDEST = 3;

const STRETCH = 1.3; // how much higher than usual a full row may be

// shapeOf returns the shape of a picture, within the limits above. A picture of unknown size is
// a square.
export function shapeOf({ width, height }) {
  return width > 0 && height > 0 ? Math.min(WIDEST, Math.max(NARROWEST, width / height)) : 1;
}

// isCut reports whether a box of this shape shows less than two thirds of the picture.
export function isCut({ width, height }, shape) {
  const own = width > 0 && height > 0 ? width / height : shape;
  return Math.min(own / shape, shape / own) < 0.67;
}

// layOut returns { days, rows, height }. All lengths are in pixels, and top is the distance from
// the top of the gallery. A row is { top, height, day, from, to, lefts, widths }: it has the
// entries with the indexes from `from` to before `to`. A day is { day, top, height, from, to }.
// Without days, all entries are in one group, which has no heading. The options are:
// - kind: "justified" (rows of the same width), "squares" or "lines" (one entry per row);
// - width, gap, and target: the usual height of a row, or 0 for squares;
// - heading: the height of the heading of a day, or 0 if there are no days;
// - columns: the number of columns, for squares;
// - breakAt: an entry that begins a row, or null;
// - complete: whether the server has no more entries. If it has more, layOut leaves out the last
//   row unless the row is closed, because the next entries would move its pictures.
export function layOut(entries, options) {
  const days = [];
  const rows = [];
  let top = 0;
  for (let from = 0; from < entries.length;) {
    const to = options.heading > 0 ? endOfDay(entries, from) : entries.length;
    const day = { day: entries[from].day, top, height: 0, from, to };
    days.push(day);
    top += options.heading;
    for (let at = from; at < to;) {
      const row = nextRow(entries, at, to, options);
      if (!row.closed && row.to === entries.length && !options.complete && rows.length > 0) {
        break;
      }
      rows.push(Object.assign(row, { top, day }));
      top += row.height + options.gap;
      at = row.to;
    }
    day.height = top - day.top;
    from = to;
  }
  return { days, rows, height: Math.max(0, top - options.gap) };
}

function endOfDay(entries, from) {
  let to = from + 1;
  while (to < entries.length && entries[to].day === entries[from].day) {
    to++;
  }
  return to;
}

function nextRow(entries, from, limit, { kind, width, gap, target, columns, breakAt }) {
  switch (kind) {
  case "lines":
    return { height: target, from, to: from + 1, closed: true, lefts: [0], widths: [width] };
  case "squares":
    return squares(from, Math.min(limit, from + columns), width, gap, columns);
  default:
    return justified(entries, from, limit, { width, gap, target, breakAt });
  }
}

function squares(from, to, width, gap, columns) {
  const side = (width - gap * (columns - 1)) / columns;
  const edges = Array.from({ length: to - from }, (_, i) => Math.round(i * (side + gap)));
  return { height: Math.round(side), from, to, closed: to - from === columns, lefts: edges, widths: edges.map((left, i) => Math.round(i * (side + gap) + side) - left) };
}

// justified fills a row with so many pictures that its height is as near to the target as
// possible.
function justified(entries, from, limit, { width, gap, target, breakAt }) {
  let shapes = 0;
  let to = from;
  let closed = false; // whether the row is full, so that the next picture is in the next row
  const heightOf = (sum, n) => (width - gap * (n - 1)) / sum;
  while (to < limit && !(to > from && entries[to] === breakAt)) {
    const shape = shapeOf(entries[to].image);
    const n = to - from;
    const [without, withIt] = [n > 0 ? heightOf(shapes, n) : Infinity, heightOf(shapes + shape, n + 1)];
    if (without <= target * STRETCH && target - withIt > without - target) {
      closed = true;
      break;
    }
    shapes += shape;
    to++;
    if (withIt <= target) {
      closed = true;
      break;
    }
  }
  const exact = heightOf(shapes, to - from);
  const full = closed || exact <= target * STRETCH;
  const height = full ? Math.round(exact) : target;
  const lefts = [];
  const widths = [];
  let left = 0;
  for (let i = from; i < to; i++) {
    const boxWidth = shapeOf(entries[i].image) * (full ? exact : target);
    const last = full && i === to - 1;
    lefts.push(Math.round(left));
    widths.push((last ? width : Math.round(left + boxWidth)) - Math.round(left));
    left += boxWidth + gap;
  }
  return { height, from, to, closed, lefts, widths };
}
