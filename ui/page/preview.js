// Small pictures of files that are not stored yet. They must not make the uploads slower.
// So the page makes only the pictures that the reader can see, and few pictures at a time.
// It frees a picture when it removes the row.

const PARALLEL = 2; // a picture of 12 megapixels uses 48 MB while it is decoded
const MAX_FILE_SIZE = 40e6; // bytes; a larger file gets no preview
const SIDE = 144; // pixels; twice the size of the picture in the row, for screens with small pixels

// Previews draws the picture on a canvas when the reader can see the canvas.
export class Previews {
  #files = new Map(); // canvas → File, until the picture is drawn
  #queue = []; // canvases that the reader can see
  #running = 0;
  #observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting && this.#files.has(target)) {
        this.#observer.unobserve(target);
        this.#queue.push(target);
      }
    }
    this.#next();
  });

  // canvas returns a canvas that will show the upload's file if the browser can
  // decode it.
  canvas({ file, size }) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 0;
    if (size <= MAX_FILE_SIZE) {
      this.#files.set(canvas, file);
      this.#observer.observe(canvas);
    }
    return canvas;
  }

  // release frees the memory of a canvas.
  release(canvas) {
    this.#observer.unobserve(canvas);
    this.#files.delete(canvas);
    canvas.width = canvas.height = 0;
  }

  #next() {
    while (this.#running < PARALLEL && this.#queue.length > 0) {
      const canvas = this.#queue.shift();
      const file = this.#files.get(canvas);
      if (file) {
        this.#draw(canvas, file);
      }
    }
  }

  async #draw(canvas, file) {
    this.#running++;
    try {
      const bitmap = await createImageBitmap(file);
      if (this.#files.delete(canvas)) {
        const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
        canvas.width = Math.max(1, Math.round(bitmap.width * scale));
        canvas.height = Math.max(1, Math.round(bitmap.height * scale));
        canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      }
      bitmap.close();
    } catch {
      this.#files.delete(canvas); // the browser cannot decode the file
    }
    this.#running--;
    this.#next();
  }
}
