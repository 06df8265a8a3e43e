package dbtest_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"imageserver/db"
)

func (m *memory) List(_ context.Context, o db.ListOptions) (page []db.Image, next string, err error) {
	after, err := m.parseCursor(o)
	if err != nil {
		return nil, "", err
	}
	m.lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, "", db.ErrClosed
	}
	listed := slices.Values(m.trash)
	if !o.Trash {
		listed = maps.Values(m.images)
	}
	var all []db.Image
	for e := range listed {
		if m.match(e.Name, o.Match) {
			all = append(all, e.Image)
		}
	}
	slices.SortFunc(all, m.compare)
	if o.After != "" {
		all = slices.DeleteFunc(all, func(img db.Image) bool { return m.compare(img, after) <= 0 })
	}
	if len(all) <= o.Limit {
		return all, "", nil
	}
	page = all[:o.Limit]
	return page, cursor(page[o.Limit-1]), nil
}

func (m *memory) compare(a, b db.Image) int {
	switch m.fault {
	case "list by name":
		return strings.Compare(a.Name, b.Name)
	case "oldest first":
		a, b = b, a
	case "trash by upload":
		a.Deleted, b.Deleted = time.Time{}, time.Time{}
	case "trash oldest first":
		a.Deleted, b.Deleted = b.Deleted, a.Deleted
	}
	return cmp.Or(place(b).Compare(place(a)), strings.Compare(a.Name, b.Name))
}

// place is the time by which an image stands in its list.
func place(img db.Image) time.Time {
	if img.Deleted.IsZero() {
		return img.Uploaded
	}
	return img.Deleted
}

func (m *memory) match(name, part string) bool {
	part = norm.NFC.String(part)
	fold := strings.ToLower
	switch m.fault {
	case "match keeps case":
		fold = strings.Clone
	case "match knows ASCII alone":
		fold = asciiLower
	case "match is a pattern":
		part = strings.ReplaceAll(part, "%", "")
	}
	return strings.Contains(fold(name), fold(part))
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

// cursor holds what the order looks at: the times, and then the name.
func cursor(img db.Image) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s %s %s",
		img.Deleted.Format(time.RFC3339Nano), img.Uploaded.Format(time.RFC3339Nano), img.Name))
}

func (m *memory) parseCursor(o db.ListOptions) (img db.Image, err error) {
	if o.After == "" {
		return img, nil
	}
	plain, err := base64.RawURLEncoding.DecodeString(o.After)
	fields := strings.SplitN(string(plain), " ", 3)
	if err == nil && len(fields) == 3 {
		var errDeleted error
		img.Name = fields[2]
		img.Deleted, errDeleted = time.Parse(time.RFC3339Nano, fields[0])
		img.Uploaded, err = time.Parse(time.RFC3339Nano, fields[1])
		err = cmp.Or(errDeleted, err)
	}
	if m.fault == "any cursor" {
		return img, nil
	}
	other := img.Deleted.IsZero() == o.Trash && m.fault != "one kind of cursor"
	if err != nil || len(fields) != 3 || other {
		return img, fmt.Errorf("%w: %.40q", db.ErrCursor, o.After)
	}
	return img, nil
}
