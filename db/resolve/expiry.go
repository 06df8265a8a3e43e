package resolve

import (
	"time"

	"imageserver/db"
)

// Extends reports whether `expires` is later than img.Expires. The image must not be in
// the trash. A zero time means never, so zero is later than any other time.
func Extends(expires time.Time, img *db.Image) bool {
	return !db.LaterExpiry(expires, img.Expires).Equal(img.Expires)
}

// Uploaded returns the upload time of a new image. `given` is PutOptions.Uploaded.
// `now` is the time of the transaction, as db.Stamp returns it.
func Uploaded(given, now time.Time) time.Time {
	if given = db.Stamp(given); given.IsZero() || given.After(now) {
		return now
	}
	return given
}

// GoesToTrash reports whether an image goes to the trash if it is deleted or replaced
// at the time `now`. If it does not, the engine deletes the image.
func GoesToTrash(img *db.Image, now time.Time, ttl time.Duration) bool {
	return ttl > 0 && !img.Expired(now)
}

// Trashed returns the image as it is in the trash after it was deleted at the time `now`.
// `last` is the latest time in the field Deleted of all images with this name in the
// trash, or zero. The new Deleted is always later than `last`. This is also true if the
// clock was set back, or if one transaction deletes two images. So two images with the
// same name never have the same Deleted.
func Trashed(img *db.Image, now, last time.Time, ttl time.Duration) db.Image {
	trashed := img.Trashed(now, ttl)
	if !last.IsZero() && !last.Before(now) {
		trashed.Deleted = last.Add(1)
	}
	trashed.TrashExpires = db.Stamp(trashed.TrashExpires)
	return trashed
}
