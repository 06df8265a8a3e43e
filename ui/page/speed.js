// The speed of the uploads, as an average over some seconds.

const SECONDS = 4; // time constant of the average
const MIN_INTERVAL = 250; // milliseconds between two measurements
const MIN_WEIGHT = 0.3; // with a smaller weight, the average is a guess

// Speed computes a rate from numbers of bytes and their times.
export class Speed {
  #rate = 0; // bytes per second
  #weight = 0; // the part of the average that is measured, 0 to 1
  #last = null;

  // add records the number of bytes that are sent at the time now, in milliseconds.
  add(bytes, now) {
    const last = this.#last;
    if (last && now - last.now < MIN_INTERVAL) {
      return;
    }
    this.#last = { bytes, now };
    if (!last || bytes < last.bytes) {
      return; // this is the first measurement, or an upload was started again
    }
    const seconds = (now - last.now) / 1000;
    const share = 1 - Math.exp(-seconds / SECONDS);
    this.#rate += share * ((bytes - last.bytes) / seconds - this.#rate);
    this.#weight += share * (1 - this.#weight);
  }

  // secondsFor returns how long it takes to send the remaining bytes, or 0 if there are too
  // few measurements.
  secondsFor(bytes) {
    return this.#weight < MIN_WEIGHT || this.#rate <= 0 ? 0 : bytes / this.#rate * this.#weight; // the average started at 0
  }
}
