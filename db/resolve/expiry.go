package resolve

import (
	"time"

	"imageserver/db"
)

// Extends reports whether the time expires is later than the expiry of the image, which
// is not in the trash. A zero time is never.
func Extends(expires time.Time, img *db.Image) bool {
	return !db.LaterExpiry(expires, img.Expires).Equal(img.Expires)
}

// Uploaded returns the upload time of a new image. given is PutOptions.Uploaded. now is
// the time of the transaction, as db.Stamp returns it.
func Uploaded(given, now time.Time) time.Time {
	if given = db.Stamp(given); given.IsZero() || given.After(now) {
		return now
	}
	return given
}

// GoesToTrash reports whether an image that is deleted or replaced at the time now goes
// to the trash. Otherwise the engine deletes it.
func GoesToTrash(img *db.Image, now time.Time, ttl time.Duration) bool {
	return ttl > 0 && !img.Expired(now)
}

// Trashed returns the image as it is in the trash after it was deleted at the time now.
// last is the highest Deleted of the images with this name in the trash, or zero. Deleted
// is after last, also if the clock was put back or one transaction has two deletes. So
// it is unique among the images of one name.
func Trashed(img *db.Image, now, last time.Time, ttl time.Duration) db.Image {
	trashed := img.Trashed(now, ttl)
	if !last.IsZero() && !last.Before(now) {
		trashed.Deleted = last.Add(1)
	}
	trashed.TrashExpires = db.Stamp(trashed.TrashExpires)
	return trashed
}
