// Decodes a ThumbHash, which is a very small blurred picture
// (https://evanw.github.io/thumbhash/). A ThumbHash has the lowest frequencies of the
// lightness, of two differences of colours, and of the opacity, if the picture has one.

const SIDE = 16; // pixels of the picture that drawThumbHash draws; the browser enlarges it

// COSINES has the value of each frequency at each place of a row or column.
const COSINES = Array.from({ length: 7 }, (_, frequency) => Float64Array.from({ length: SIDE }, (_, at) => Math.cos((Math.PI / SIDE) * (at + 0.5) * frequency)));

// drawThumbHash draws the picture on a canvas. It returns false if hash is not valid.
export function drawThumbHash(canvas, hash) {
  const bytes = decodeBase64(hash);
  if (bytes.length < 5) {
    return false;
  }
  const [l, p, q, a] = parse(bytes).map(pixelsOf);
  canvas.width = canvas.height = SIDE;
  const picture = new ImageData(SIDE, SIDE);
  const { data } = picture; // limits the values to 0 to 255
  for (let i = 0; i < SIDE * SIDE; i++) {
    const b = l[i] - (2 / 3) * p[i];
    const r = (3 * l[i] - b + q[i]) / 2;
    data[4 * i] = 255 * r;
    data[4 * i + 1] = 255 * (r - q[i]);
    data[4 * i + 2] = 255 * b;
    data[4 * i + 3] = 255 * a[i];
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return true;
}

function decodeBase64(text) {
  try {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  } catch {
    return [];
  }
}

// parse returns the lightness, both differences and the opacity. Each has a mean, the
// numbers of frequencies in x and y, and the factors of the frequencies.
function parse(bytes) {
  const low = bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);
  const high = bytes[3] | (bytes[4] << 8);
  const transparent = low >> 23;
  const most = transparent ? 5 : 7;
  const least = Math.max(3, high & 7);
  const [nx, ny] = high >> 15 ? [most, least] : [least, most];
  let at = transparent ? 12 : 10; // the next half byte
  const channel = (mean, width, height, scale) => {
    const factors = [];
    for (let y = 0; y < height; y++) {
      for (let x = y > 0 ? 0 : 1; x * height < width * (height - y); x++) {
        factors.push((((bytes[at >> 1] >> ((at & 1) << 2)) & 15) / 7.5 - 1) * scale);
        at++;
      }
    }
    return { mean, width, height, factors };
  };
  const colour = 1.25;
  return [
    channel((low & 63) / 63, nx, ny, ((low >> 18) & 31) / 31),
    channel(((low >> 6) & 63) / 31.5 - 1, 3, 3, (colour * ((high >> 3) & 63)) / 63),
    channel(((low >> 12) & 63) / 31.5 - 1, 3, 3, (colour * ((high >> 9) & 63)) / 63),
    transparent ? channel((bytes[5] & 15) / 15, 5, 5, (bytes[5] >> 4) / 15) : { mean: 1, width: 0, height: 0, factors: [] },
  ];
}

// pixelsOf returns the values of a channel, one for each pixel. For each frequency in y it
// first adds the frequencies in x, because all rows have the same sum.
function pixelsOf({ mean, width, height, factors }) {
  const pixels = new Float64Array(SIDE * SIDE).fill(mean);
  const sums = new Float64Array(SIDE);
  for (let fy = 0, i = 0; fy < height; fy++) {
    sums.fill(0);
    for (let fx = fy > 0 ? 0 : 1; fx * height < width * (height - fy); fx++, i++) {
      for (let x = 0; x < SIDE; x++) {
        sums[x] += 2 * factors[i] * COSINES[fx][x];
      }
    }
    for (let y = 0, at = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++, at++) {
        pixels[at] += sums[x] * COSINES[fy][y];
      }
    }
  }
  return pixels;
}
