package dbtest_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"imageserver/db"
)

func (m *memory) List(_ context.Context, o db.ListOptions) (page []db.Image, next string, err error) {
	after, err := m.parseCursor(o.After)
	if err != nil {
		return nil, "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, "", db.ErrClosed
	}
	var all []db.Image
	for _, e := range m.images {
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
	}
	return cmp.Or(b.Uploaded.Compare(a.Uploaded), strings.Compare(a.Name, b.Name))
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

func cursor(img db.Image) string {
	return base64.RawURLEncoding.EncodeToString([]byte(img.Uploaded.Format(time.RFC3339Nano) + " " + img.Name))
}

func (m *memory) parseCursor(cursor string) (img db.Image, err error) {
	if cursor == "" {
		return img, nil
	}
	plain, err := base64.RawURLEncoding.DecodeString(cursor)
	uploaded, name, found := strings.Cut(string(plain), " ")
	if err == nil && found {
		img.Name = name
		img.Uploaded, err = time.Parse(time.RFC3339Nano, uploaded)
	}
	if m.fault == "any cursor" {
		return img, nil
	}
	if err != nil || !found {
		return img, fmt.Errorf("%w: %.40q", db.ErrCursor, cursor)
	}
	return img, nil
}
