// Decodes a ThumbHash, which is a very small blurred picture
// (https://evanw.github.io/thumbhash/). A ThumbHash has the lowest frequencies of the
// lightness, of two differences of colours, and of the opacity, if the picture has one.

const SIDE = 16; // pixels of the picture that drawThumbHash draws; the browser enlarges it

// drawThumbHash draws the picture on a canvas. It returns false if hash is not valid.
export function drawThumbHash(canvas, hash) {
  const bytes = decodeBase64(hash);
  if (bytes.length < 5) {
    return false;
  }
  const channels = parse(bytes);
  canvas.width = canvas.height = SIDE;
  const picture = new ImageData(SIDE, SIDE);
  const cosines = Array.from({ length: SIDE }, (_, x) => Array.from({ length: 7 }, (_, i) => Math.cos((Math.PI / SIDE) * (x + 0.5) * i)));
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const [l, p, q, a] = channels.map((channel) => valueAt(channel, cosines[x], cosines[y]));
      const b = l - (2 / 3) * p;
      const r = (3 * l - b + q) / 2;
      picture.data.set([r, r - q, b, a].map((v) => 255 * v), 4 * (y * SIDE + x)); // the array limits the values to 0 to 255
    }
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

function valueAt({ mean, width, height, factors }, cosinesX, cosinesY) {
  let value = mean;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = y > 0 ? 0 : 1; x * height < width * (height - y); x++, i++) {
      value += 2 * factors[i] * cosinesX[x] * cosinesY[y];
    }
  }
  return value;
}
