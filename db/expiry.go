package db

import "time"

// Expiry returns when the store deletes the image by itself: TrashExpires for an
// image in the trash, Expires for any other. Zero means never.
func (img *Image) Expiry() time.Time {
	if img.Deleted.IsZero() {
		return img.Expires
	}
	return img.TrashExpires
}

// Expired reports whether the image has expired at the time now. It has expired at the
// moment of its Expiry, not only after it.
func (img *Image) Expired(now time.Time) bool {
	expiry := img.Expiry()
	return !expiry.IsZero() && !now.Before(expiry)
}

// LaterExpiry returns the later of two values of Image.Expires. Zero means never, so it
// is the latest.
func LaterExpiry(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && a.After(b) {
		return a
	}
	return b
}

// Trashed returns img as it is in the trash after it was deleted at the time at: it
// expires there after ttl, or at its own Expires if that is earlier.
func (img Image) Trashed(at time.Time, ttl time.Duration) Image {
	img.Deleted, img.TrashExpires = at, at.Add(ttl)
	if !img.Expires.IsZero() && img.Expires.Before(img.TrashExpires) {
		img.TrashExpires = img.Expires
	}
	return img
}
