// One file on its way to the server, from the choice of it to the stored image.

// The states of an Upload. It waits for its turn, is sent, is being saved when
// all of it is sent, or is locked while the token is asked for; and ends as
// stored, failed, refused (it would fail again) or cancelled.
const ENDED = ["stored", "failed", "refused", "cancelled"];

// Upload is all that is known of it. Only the queue changes it.
export class Upload {
  state = "waiting";
  sent = 0; // the share of it, 0 to 1
  reason = ""; // why it failed or was refused, for people
  late = false; // whether it was cancelled while it was saved
  breaks = 0; // how often it broke off
  image = null; // as the server describes it, once it is stored
  abort = new AbortController();

  constructor(file, objection) {
    this.file = file;
    this.size = file.size; // Chromium asks the file system each time
    if (objection) {
      this.state = "refused";
      this.reason = objection;
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

  // again has it wait for another turn.
  again() {
    this.abort = new AbortController();
    Object.assign(this, { state: "waiting", sent: 0, reason: "", late: false, breaks: 0 });
  }
}
