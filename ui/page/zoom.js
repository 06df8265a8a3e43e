// Zooms and moves a picture in a box: with the wheel, fingers, double clicks and keys.

const LARGEST = 8; // the largest scale: pixels of the window for each pixel of the picture
const STEP = 1.5; // factor of one key press
const PAN = 80; // pixels by which an arrow key moves the picture
const SWIPE = 50; // pixels that a finger must move
const TAP = 10; // pixels that a finger may move in a tap
const DOUBLE_TAP = 300; // milliseconds between the two taps
const NARROW = 96; // pixels; a picture that would be narrower fills the box with its shorter side

// Zoom sets the size and the place of photo, which is an element inside box. Its callbacks
// are:
// - onChange(): the scale has changed;
// - onSwipe(direction): the reader has moved the picture to the left, to see the next image (1),
//   or to the right, to see the previous image (-1);
// - onTap(): the reader has tapped once.
export class Zoom {
  #box;
  #photo;
  #callbacks;
  #width = 1; // of the picture, in its own pixels
  #height = 1;
  #scale = 1; // pixels of the window for each pixel of the picture
  #x = 0; // from the centre of the box to the centre of the picture, in pixels of the window
  #y = 0;
  #atHome = true; // whether the picture is where it was first shown
  #fingers = new Map(); // pointer → { x, y }
  #gesture = null; // what the fingers have done since the first finger touched the box
  #tapped = { time: -Infinity }; // the last tap
  #tapTimer = 0;

  constructor(box, photo, callbacks) {
    this.#box = box;
    this.#photo = photo;
    this.#callbacks = callbacks;
    new ResizeObserver(() => (this.#atHome ? this.reset() : this.#move(this.#scale, this.#x, this.#y))).observe(box);
    box.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    box.addEventListener("dblclick", (event) => event.detail !== 0 && !this.#tapped.recent && this.toggle(this.#point(event)));
    box.addEventListener("pointerdown", (event) => this.#down(event));
    box.addEventListener("pointermove", (event) => this.#drag(event));
    box.addEventListener("pointerup", (event) => this.#up(event));
    box.addEventListener("pointercancel", (event) => this.#up(event));
  }

  // show starts with a picture of this size, in its own pixels.
  show(width, height) {
    this.#width = width;
    this.#height = height;
    clearTimeout(this.#tapTimer);
    this.reset();
  }

  get scale() {
    return this.#scale;
  }

  // fit is the scale that shows the whole picture. A small picture is not enlarged.
  get fit() {
    return Math.min(1, this.#box.clientWidth / this.#width, this.#box.clientHeight / this.#height) || 1;
  }

  // zoomed reports whether the picture is larger than it was first shown.
  get zoomed() {
    return this.#scale > this.#home * 1.001;
  }

  // touched reports whether the reader has zoomed or moved the picture.
  get touched() {
    return !this.#atHome;
  }

  // reset shows the picture as it was first shown.
  reset() {
    this.#move(this.#home, Infinity, Infinity, true); // of a picture that does not fit, this shows the top left corner
  }

  // zoomTo zooms to this scale. The pixel at the point stays there. Without a point, the
  // pixel in the centre stays.
  zoomTo(scale, { x, y } = { x: 0, y: 0 }, { smooth = true } = {}) {
    const bounded = Math.min(LARGEST, Math.max(this.fit, scale));
    const factor = bounded / this.#scale;
    this.#photo.classList.toggle("smooth", smooth);
    this.#move(bounded, x - (x - this.#x) * factor, y - (y - this.#y) * factor);
  }

  zoomIn() {
    this.zoomTo(this.#scale * STEP);
  }

  zoomOut() {
    this.zoomTo(this.#scale / STEP);
  }

  zoomToFit() {
    this.zoomTo(this.fit);
  }

  // toggle shows the picture as it was first shown if it is zoomed in. Otherwise it zooms in: to
  // the full size, or to 2.5 times the size of a picture that is already near its full size.
  toggle(point) {
    if (this.zoomed) {
      this.#photo.classList.add("smooth");
      this.reset();
    } else {
      this.zoomTo(this.#home < 0.8 ? 1 : this.#home * 2.5, point);
    }
  }

  // pan moves the window over the picture, and reports whether there was more to see.
  pan(stepX, stepY) {
    const { x, y } = this.#bounds(this.#scale);
    const [left, top] = [this.#x - stepX * PAN, this.#y - stepY * PAN];
    const before = [this.#x, this.#y];
    this.#photo.classList.add("smooth");
    this.#move(this.#scale, clamp(left, x), clamp(top, y));
    return this.#x !== before[0] || this.#y !== before[1];
  }

  // homeOf returns the scale in which a picture of this size is first shown: the whole
  // picture. But a very long picture would be a line, so its shorter side fills the box.
  homeOf(width, height) {
    const { clientWidth, clientHeight } = this.#box;
    const fit = Math.min(1, clientWidth / width, clientHeight / height) || 1;
    const shorter = Math.min(width, height);
    if (shorter * fit >= Math.min(NARROW, shorter)) {
      return fit;
    }
    return Math.min(1, width < height ? clientWidth / width : clientHeight / height);
  }

  get #home() {
    return this.homeOf(this.#width, this.#height);
  }

  // bounds returns how far the centre of the picture can be from the centre of the box.
  #bounds(scale) {
    return {
      x: Math.max(0, (this.#width * scale - this.#box.clientWidth) / 2),
      y: Math.max(0, (this.#height * scale - this.#box.clientHeight) / 2),
    };
  }

  #move(scale, x, y, atHome = false) {
    const bounds = this.#bounds(scale);
    const changed = scale !== this.#scale;
    this.#scale = scale;
    this.#x = clamp(x, bounds.x);
    this.#y = clamp(y, bounds.y);
    this.#atHome = atHome;
    this.#place(this.#x);
    this.#box.classList.toggle("pannable", bounds.x > 0 || bounds.y > 0);
    if (changed) {
      this.#callbacks.onChange();
    }
  }

  #place(x) {
    const { style } = this.#photo;
    style.width = `${this.#width * this.#scale}px`;
    style.height = `${this.#height * this.#scale}px`;
    style.translate = `calc(${x}px - 50%) calc(${this.#y}px - 50%)`;
  }

  // point returns the place of a pointer, from the centre of the box.
  #point({ clientX, clientY }) {
    const { left, top, width, height } = this.#box.getBoundingClientRect();
    return { x: clientX - left - width / 2, y: clientY - top - height / 2 };
  }

  // A pinch on a touchpad is a wheel event with Ctrl. For the wheel of a mouse, Firefox reports
  // lines or pages to a script that reads deltaMode before deltaY.
  #wheel(event) {
    event.preventDefault();
    const pixels = [1, 40, 120][event.deltaMode]; // a notch is three lines or a page, and 120 pixels in Chromium
    const speed = event.ctrlKey ? 0.01 : 0.002;
    this.zoomTo(this.#scale * Math.exp(-event.deltaY * pixels * speed), this.#point(event), { smooth: false });
  }

  #down(event) {
    if (event.button !== 0) {
      return;
    }
    this.#box.setPointerCapture(event.pointerId);
    this.#photo.classList.remove("smooth");
    this.#fingers.set(event.pointerId, this.#point(event));
    if (this.#fingers.size === 1) {
      this.#tapped.recent = event.pointerType !== "mouse";
      this.#gesture = { start: this.#point(event), moved: 0, pinched: false, fixed: this.#bounds(this.#scale).x === 0 };
    } else {
      this.#gesture.pinched = true;
    }
  }

  #drag(event) {
    const before = this.#fingers.get(event.pointerId);
    if (!before) {
      return;
    }
    const now = this.#point(event);
    const [other] = [...this.#fingers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    this.#fingers.set(event.pointerId, now);
    if (other) {
      const distance = (point) => Math.hypot(point.x - other.x, point.y - other.y);
      this.zoomTo(this.#scale * distance(now) / Math.max(1, distance(before)), middle(now, other), { smooth: false });
      this.#move(this.#scale, this.#x + (now.x - before.x) / 2, this.#y + (now.y - before.y) / 2);
      return;
    }
    const { start } = this.#gesture;
    this.#gesture.moved = Math.max(this.#gesture.moved, Math.hypot(now.x - start.x, now.y - start.y));
    if (this.#box.classList.contains("pannable")) {
      this.#move(this.#scale, this.#x + now.x - before.x, this.#y + now.y - before.y);
    }
    if (this.#swiping(event)) {
      this.#place(this.#x + now.x - start.x); // the picture follows the finger
    }
  }

  #up(event) {
    const end = this.#fingers.get(event.pointerId);
    if (!end) {
      return;
    }
    const swiping = event.type === "pointerup" && this.#swiping(event);
    this.#fingers.delete(event.pointerId);
    if (this.#fingers.size > 0) {
      return;
    }
    const { start, moved, pinched } = this.#gesture;
    const [x, y] = [end.x - start.x, end.y - start.y];
    this.#photo.classList.add("smooth");
    this.#place(this.#x);
    if (swiping && Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(y)) {
      this.#callbacks.onSwipe(x < 0 ? 1 : -1);
    } else if (event.type === "pointerup" && event.pointerType !== "mouse" && moved < TAP && !pinched) {
      this.#tap(end, event.timeStamp);
    }
  }

  // swiping reports whether one finger moves a picture that fits into the width of the box.
  #swiping(event) {
    return event.pointerType !== "mouse" && this.#gesture.fixed && !this.#gesture.pinched;
  }

  #tap(point, time) {
    clearTimeout(this.#tapTimer);
    if (time - this.#tapped.time < DOUBLE_TAP) {
      this.#tapped.time = -Infinity;
      this.toggle(point);
      return;
    }
    this.#tapped.time = time;
    this.#tapTimer = setTimeout(() => this.#callbacks.onTap(), DOUBLE_TAP);
  }
}

function clamp(value, bound) {
  return Math.min(bound, Math.max(-bound, value));
}

function middle(a, b) {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}
