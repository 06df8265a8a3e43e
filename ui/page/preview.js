// Small pictures of files that are not stored yet. Uploads do not wait for
// them: they are made only of what is in sight, few at a time, and let go with
// the row.

const PARALLEL = 2; // a picture of 12 megapixels is 48 MB while it is decoded
const LARGEST = 40e6; // bytes of a file that is still decoded here
const SIDE = 144; // pixels: twice the row's picture, for fine screens

// Previews fills canvases as they come into sight.
export class Previews {
  #waiting = new Map(); // canvas → File
  #queue = [];
  #running = 0;
  #sight = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting && this.#waiting.has(target)) {
        this.#sight.unobserve(target);
        this.#queue.push(target);
      }
    }
    this.#next();
  });

  // canvas returns one that will show the upload's file, if the browser can.
  canvas({ file, size }) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 0;
    if (size <= LARGEST) {
      this.#waiting.set(canvas, file);
      this.#sight.observe(canvas);
    }
    return canvas;
  }

  // free lets go of what a canvas holds, or waits for.
  free(canvas) {
    this.#sight.unobserve(canvas);
    this.#waiting.delete(canvas);
    canvas.width = canvas.height = 0;
  }

  #next() {
    while (this.#running < PARALLEL && this.#queue.length > 0) {
      const canvas = this.#queue.shift();
      const file = this.#waiting.get(canvas);
      if (file) {
        this.#draw(canvas, file);
      }
    }
  }

  async #draw(canvas, file) {
    this.#running++;
    try {
      const bitmap = await createImageBitmap(file);
      if (this.#waiting.delete(canvas)) {
        const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
        canvas.width = Math.max(1, Math.round(bitmap.width * scale));
        canvas.height = Math.max(1, Math.round(bitmap.height * scale));
        canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      }
      bitmap.close();
    } catch {
      this.#waiting.delete(canvas); // not a picture this browser shows
    }
    this.#running--;
    this.#next();
  }
}
