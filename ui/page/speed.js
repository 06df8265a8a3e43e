// How fast the uploads go, smoothed over seconds.

const SECONDS = 4; // how far back the average looks

// Speed turns byte counts and the times they were seen at into a rate.
export class Speed {
  #rate = 0; // bytes per second
  #weight = 0; // how much of the average there is yet, 0 to 1
  #last = null;

  // see tells it that so many bytes have been sent by now, in milliseconds.
  see(bytes, now) {
    const last = this.#last;
    if (last && now - last.now < 250) {
      return; // too short a time to tell
    }
    this.#last = { bytes, now };
    if (!last || bytes < last.bytes) {
      return; // it begins, or something begins anew
    }
    const seconds = (now - last.now) / 1000;
    const fresh = 1 - Math.exp(-seconds / SECONDS);
    this.#rate += fresh * ((bytes - last.bytes) / seconds - this.#rate);
    this.#weight += fresh * (1 - this.#weight);
  }

  // left returns {rate, seconds} for the bytes that are left, or null while
  // that would be a guess.
  left(bytes) {
    if (this.#weight < 0.3 || this.#rate <= 0) {
      return null;
    }
    const rate = this.#rate / this.#weight; // it began at nothing
    return { rate, seconds: bytes / rate };
  }
}
