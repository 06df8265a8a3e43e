// Makes QR codes (ISO/IEC 18004), in byte mode with error correction level M. People can open a
// link on a phone without typing it. The page makes the code itself, so no other server learns
// the link.

// For each version: the number of error correction bytes in a block, and the number of blocks.
const CORRECTION = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28];
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20];

// MASK is the number of the mask: the colours change in the columns 0, 3, 6 and so on. A code
// contains the number of its mask, so scanners can read every mask. The standard says to choose
// the mask with the lowest penalty of eight masks. For URLs of images, this is most often mask 2.
// On average, the penalty of mask 2 is 4 % above the lowest.
const MASK = 2;
const isMasked = (x) => x % 3 === 0;

// qrCode returns the rows of a code, each an array that has true for a dark module. It
// returns null if the text has more than 911 bytes.
export function qrCode(text) {
  const bytes = new TextEncoder().encode(text);
  const version = CORRECTION.findIndex((_, i) => bytes.length + (i < 9 ? 2 : 3) <= dataBytes(i + 1)) + 1;
  if (version === 0) {
    return null;
  }
  return draw(version, withCorrection(dataOf(bytes, version), version));
}

// rawBytes returns how many bytes a code of this version has.
function rawBytes(version) {
  const patterns = version < 2 ? 0 : Math.floor(version / 7) + 2; // alignment patterns in a row
  const alignment = version < 2 ? 0 : (25 * patterns - 10) * patterns - 55;
  return Math.floor(((16 * version + 128) * version + 64 - alignment - (version < 7 ? 0 : 36)) / 8);
}

function dataBytes(version) {
  return rawBytes(version) - CORRECTION[version - 1] * BLOCKS[version - 1];
}

// dataOf returns the mode, the length, the bytes and the padding.
function dataOf(bytes, version) {
  const length = version < 10 ? [bytes.length] : [bytes.length >> 8, bytes.length & 255];
  const whole = [...length, ...bytes];
  const data = [0x40 | whole[0] >> 4, ...whole.map((byte, i) => (byte << 4 | (whole[i + 1] ?? 0) >> 4) & 255)];
  for (let i = 0; data.length < dataBytes(version); i++) {
    data.push(i % 2 === 0 ? 0xEC : 0x11);
  }
  return data;
}

// withCorrection divides the data into blocks, adds the error correction to each, and
// returns the bytes in the order in which the code has them: the first byte of each block,
// then the second of each, and so on.
function withCorrection(data, version) {
  const blocks = BLOCKS[version - 1];
  const correction = CORRECTION[version - 1];
  const short = Math.floor(data.length / blocks);
  const longer = blocks - data.length % blocks; // this block and those after it have one more byte
  const generator = generatorOf(correction);
  const parts = Array.from({ length: blocks }, (_, i) => {
    const from = i * short + Math.max(0, i - longer);
    return data.slice(from, from + short + (i < longer ? 0 : 1));
  });
  const remainders = parts.map((part) => remainder(part, generator));
  const column = (rows, i) => rows.map((row) => row[i]).filter((byte) => byte !== undefined);
  return [
    ...Array.from({ length: short + 1 }, (_, i) => column(parts, i)).flat(),
    ...Array.from({ length: correction }, (_, i) => column(remainders, i)).flat(),
  ];
}

// times multiplies in the field of 256 elements with the polynomial 0x11D.
function times(a, b) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = product << 1 ^ (product >> 7) * 0x11D ^ (b >> bit & 1) * a;
  }
  return product;
}

function generatorOf(degree) {
  const result = Array.from({ length: degree }, (_, i) => Number(i === degree - 1));
  for (let i = 0, root = 1; i < degree; i++, root = times(root, 2)) {
    result.forEach((factor, j) => { result[j] = times(factor, root) ^ (result[j + 1] ?? 0); });
  }
  return result;
}

function remainder(data, generator) {
  const result = generator.map(() => 0);
  for (const byte of data) {
    const factor = byte ^ result.shift();
    result.push(0);
    generator.forEach((g, i) => { result[i] ^= times(g, factor); });
  }
  return result;
}

// draw returns the code with this content.
function draw(version, content) {
  const size = 4 * version + 17;
  const rows = Array.from({ length: size }, () => Array(size).fill(null)); // null is a module for the content
  const set = (x, y, dark) => {
    if (x >= 0 && y >= 0 && x < size && y < size) {
      rows[y][x] = Boolean(dark);
    }
  };
  // A square pattern has a dark ring at each of these distances from its centre.
  const square = (cx, cy, radius, dark) => {
    for (let y = -radius; y <= radius; y++) {
      for (let x = -radius; x <= radius; x++) {
        set(cx + x, cy + y, dark(Math.max(Math.abs(x), Math.abs(y))));
      }
    }
  };
  for (let i = 0; i < size; i++) {
    set(6, i, i % 2 === 0);
    set(i, 6, i % 2 === 0);
  }
  const places = alignmentPlaces(version, size);
  places.forEach((x, i) => places.forEach((y, j) => {
    const last = places.length - 1;
    if (!(i === 0 && j === 0 || i === 0 && j === last || i === last && j === 0)) {
      square(x, y, 2, (distance) => distance !== 1);
    }
  }));
  [[3, 3], [size - 4, 3], [3, size - 4]].forEach(([x, y]) => square(x, y, 4, (distance) => distance !== 2 && distance !== 4));
  drawFormat(set, size);
  drawVersion(set, size, version);
  fill(rows, content);
  return rows;
}

function alignmentPlaces(version, size) {
  if (version < 2) {
    return [];
  }
  const n = Math.floor(version / 7) + 2;
  const step = Math.ceil((4 * version + 4) / (2 * n - 2)) * 2;
  return [6, ...Array.from({ length: n - 1 }, (_, i) => size - 7 - (n - 2 - i) * step)];
}

// protect appends error correction bits to a value: the remainder of its division by the
// polynomial, which has this degree.
function protect(value, polynomial, degree) {
  let rest = value;
  for (let i = 0; i < degree; i++) {
    rest = rest << 1 ^ (rest >> degree - 1) * polynomial;
  }
  return value << degree | rest;
}

function drawFormat(set, size) {
  const bits = protect(MASK, 0x537, 10) ^ 0x5412; // level M has the number 0
  for (let i = 0; i < 15; i++) {
    const dark = bits >> i & 1;
    const near = i < 6 ? i : i < 8 ? i + 1 : 14 - i + (i < 9 ? 1 : 0); // the timing pattern has the line 6
    if (i < 8) {
      set(8, near, dark);
      set(size - 1 - i, 8, dark);
    } else {
      set(near, 8, dark);
      set(8, size - 15 + i, dark);
    }
  }
  set(8, size - 8, true);
}

function drawVersion(set, size, version) {
  const bits = protect(version, 0x1F25, 12);
  for (let i = 0; version > 6 && i < 18; i++) {
    const [a, b] = [size - 11 + i % 3, Math.floor(i / 3)];
    set(a, b, bits >> i & 1);
    set(b, a, bits >> i & 1);
  }
}

// fill writes the bits in pairs of columns, from the right to the left, upwards and
// downwards in turn.
function fill(rows, content) {
  const size = rows.length;
  let bit = 0;
  for (let right = size - 1, up = true; right > 0; right -= 2, up = !up) {
    if (right === 6) {
      right = 5; // the timing pattern has this column
    }
    for (let i = 0; i < size; i++) {
      const y = up ? size - 1 - i : i;
      for (const x of [right, right - 1]) {
        if (rows[y][x] === null) {
          const dark = content[bit >> 3] >> 7 - (bit & 7) & 1; // after the last byte this is 0
          rows[y][x] = Boolean(dark) !== isMasked(x);
          bit++;
        }
      }
    }
  }
}
