package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"

	"imageserver/api/refusal"
	"imageserver/db"
)

// etag returns the entity tag of an image (RFC 9110 section 8.8.3). It is strong,
// because equal digests mean equal bytes.
func etag(img db.Image) string { return string(appendETag(make([]byte, 0, etagSize), img)) }

// etagSize is the length of an entity tag, in bytes.
const etagSize = 2*sha256.Size + 2

func appendETag(b []byte, img db.Image) []byte {
	return append(hex.AppendEncode(append(b, '"'), img.SHA256[:]), '"')
}

// precondition reads If-Match and If-None-Match of a request that changes an image
// (RFC 9110 section 13.1). It returns nil if both are missing.
func precondition(h http.Header) db.Precondition {
	match, noneMatch := h.Values("If-Match"), h.Values("If-None-Match")
	if len(match)+len(noneMatch) == 0 {
		return nil
	}
	return func(current *db.Image) error {
		if len(match) > 0 && !matches(match, current, false) {
			return errPrecondition
		}
		if len(noneMatch) > 0 && matches(noneMatch, current, true) {
			if slices.Contains(noneMatch, "*") {
				return errTaken
			}
			return errPrecondition
		}
		return nil
	}
}

// matches reports whether a list of entity tags has the one of the current image.
// The weak comparison treats W/"x" and "x" as equal.
func matches(list []string, current *db.Image, weak bool) bool {
	if current == nil {
		return false
	}
	for _, tag := range strings.Split(strings.Join(list, ","), ",") {
		tag = strings.TrimSpace(tag)
		if weak {
			tag = strings.TrimPrefix(tag, "W/")
		}
		// A comma inside a foreign tag splits it, and no part equals our tag.
		if tag == "*" || tag == etag(*current) {
			return true
		}
	}
	return false
}

// contentDigest reads the sha-256 member of Content-Digest (RFC 9530 section
// 2), or returns nil if it is missing.
func contentDigest(h http.Header) (*db.Digest, error) {
	for _, member := range strings.Split(strings.Join(h.Values("Content-Digest"), ","), ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(member), "=")
		if key != "sha-256" {
			continue
		}
		sum, err := base64.StdEncoding.DecodeString(strings.Trim(value, ":"))
		if err != nil || len(sum) != len(db.Digest{}) || !strings.HasPrefix(value, ":") || !strings.HasSuffix(value, ":") {
			return nil, refusal.New(http.StatusBadRequest, "bad_digest", "Content-Digest is not valid. Use the form sha-256=:BASE64:, with the SHA-256 of the body in Base64.")
		}
		return (*db.Digest)(sum), nil
	}
	return nil, nil
}
