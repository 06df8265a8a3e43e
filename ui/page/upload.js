// One file on its way to the server, from its choice to the stored image.

// An Upload is waiting for its turn, sending, saving (all bytes are sent) or locked
// (the page asks for the access token). It ends as stored, failed, refused (the
// server would refuse it again) or cancelled.
const ENDED = ["stored", "failed", "refused", "cancelled"];

// Upload is the state of an upload. Only the queue changes it.
export class Upload {
  state = "waiting";
  sent = 0; // share of the bytes, 0 to 1
  reason = ""; // why it failed or was refused, for people
  cancelledLate = false; // whether the server was saving it when it was cancelled
  interruptions = 0; // how often its connection was lost
  image = null; // the server's description, once it is stored
  abort = new AbortController();

  constructor(file, refusalReason) {
    this.file = file;
    this.size = file.size; // Chromium asks the file system at each read
    if (refusalReason) {
      this.state = "refused";
      this.reason = refusalReason;
    }
  }

  get name() {
    return this.file.name;
  }

  get ended() {
    return ENDED.includes(this.state);
  }

  get active() {
    return !this.ended && this.state !== "waiting";
  }

  // reset makes it wait for another turn.
  reset() {
    this.abort = new AbortController();
    Object.assign(this, { state: "waiting", sent: 0, reason: "", cancelledLate: false, interruptions: 0 });
  }
}
