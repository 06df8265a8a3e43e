package db

import "time"

// Expiry returns when the store deletes the image by itself. For an image in the trash
// this is TrashExpires. For any other image it is Expires. Zero means never.
func (img *Image) Expiry() time.Time {
	if img.Deleted.IsZero() {
		return img.Expires
	}
	return img.TrashExpires
}

// Expired reports whether the image has expired at the time `now`. At exactly the time
// that Expiry returns, the image has already expired.
func (img *Image) Expired(now time.Time) bool {
	expiry := img.Expiry()
	return !expiry.IsZero() && !now.Before(expiry)
}

// LaterExpiry returns the later of two values of Image.Expires. Zero means never, so
// zero is later than any other time.
func LaterExpiry(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && a.After(b) {
		return a
	}
	return b
}

// Trashed returns img as an image in the trash that was deleted at the time `at`. In
// the trash, the image expires after the duration `ttl`, or at img.Expires if that time
// is earlier.
func (img Image) Trashed(at time.Time, ttl time.Duration) Image {
	img.Deleted, img.TrashExpires = at, at.Add(ttl)
	if !img.Expires.IsZero() && img.Expires.Before(img.TrashExpires) {
		img.TrashExpires = img.Expires
	}
	return img
}
