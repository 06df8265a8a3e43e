package db

import "time"

// End returns when the image goes by itself: KeptUntil for one in the trash,
// Expires for any other; zero means never.
func (img *Image) End() time.Time {
	if img.Deleted.IsZero() {
		return img.Expires
	}
	return img.KeptUntil
}

// Ended reports whether the image has gone by itself by now. The moment of its
// end is already one without it.
func (img *Image) Ended(now time.Time) bool {
	end := img.End()
	return !end.IsZero() && !now.Before(end)
}

// LaterEnd returns the later of two ends. Zero is never, which is the latest.
func LaterEnd(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && a.After(b) {
		return a
	}
	return b
}

// Trashed returns img as it rests in the trash, deleted at a time and kept for
// rest from then on, but not beyond its own end.
func (img Image) Trashed(at time.Time, rest time.Duration) Image {
	img.Deleted, img.KeptUntil = at, at.Add(rest)
	if !img.Expires.IsZero() && img.Expires.Before(img.KeptUntil) {
		img.KeptUntil = img.Expires
	}
	return img
}
