// The upload of one file, from the choice of the file to the stored image.

// An Upload is in one of these states:
// - waiting: for its turn;
// - sending;
// - saving: all bytes are sent;
// - locked: the page asks for the access token;
// - stored, failed or cancelled: the upload has ended;
// - refused: the upload has ended, and the server would refuse it again.
const ENDED = ["stored", "failed", "refused", "cancelled"];

// Upload is the state of an upload. Only the queue changes it, once the queue has it.
export class Upload {
  state = "waiting";
  sent = 0; // share of the bytes, 0 to 1
  kind = ""; // what kind of failure or refusal it is: a code of the server's errors, or a code of limits.js
  reason = ""; // why the upload failed or was refused, for people
  sharedReason = ""; // the part of the reason that other uploads of this kind have, too; empty if it is the whole reason
  cancelledLate = false; // whether the server was saving the image when the reader cancelled the upload
  interruptions = 0; // how often the connection of the upload was lost
  image = null; // the server's description of the stored image
  abort; // the AbortController of this turn

  // options are the reader's choices for this upload, see uploadoptions.js. refusal is
  // what limits.js says about a file
  // that the page does not send, otherwise null.
  constructor(file, options, refusal) {
    this.file = file;
    this.options = options;
    this.size = file.size; // a copy, because Chromium asks the file system each time that file.size is read
    this.refuse(refusal);
  }

  // refuse ends the upload with the refusal, or makes it wait for its turn if there is none.
  refuse(refusal) {
    this.reset();
    if (refusal) {
      Object.assign(this, refusal, { state: "refused" });
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

  // reset makes the upload wait for another turn, with some other options.
  reset(options = {}) {
    this.abort = new AbortController();
    this.options = { ...this.options, ...options };
    Object.assign(this, { state: "waiting", sent: 0, kind: "", reason: "", sharedReason: "", cancelledLate: false, interruptions: 0 });
  }
}
