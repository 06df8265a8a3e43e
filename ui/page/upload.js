// The upload of one file, from the choice of the file to the stored image.

// An Upload is in one of these states:
// - waiting: for its turn;
// - sending;
// - saving: all bytes are sent;
// - locked: the page asks for the access token;
// - stored, failed or cancelled: the upload has ended;
// - refused: the upload has ended, and the server would refuse it again.
const ENDED = ["stored", "failed", "refused", "cancelled"];

// Upload is the state of an upload. Only the queue changes it.
export class Upload {
  state = "waiting";
  sent = 0; // share of the bytes, 0 to 1
  reason = ""; // why the upload failed or was refused, for people
  cancelledLate = false; // whether the server was saving the image when the reader cancelled the upload
  interruptions = 0; // how often the connection of the upload was lost
  image = null; // the server's description of the stored image
  abort = new AbortController();

  constructor(file, refusalReason) {
    this.file = file;
    this.size = file.size; // a copy, because Chromium asks the file system each time that file.size is read
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

  // reset makes the upload wait for another turn.
  reset() {
    this.abort = new AbortController();
    Object.assign(this, { state: "waiting", sent: 0, reason: "", cancelledLate: false, interruptions: 0 });
  }
}
