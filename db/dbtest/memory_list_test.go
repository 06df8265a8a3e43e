package dbtest_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"imageserver/db"
)

func (m *memory) List(_ context.Context, o db.ListOptions) (page []db.Image, next string, err error) {
	if o.Trash && m.fault != "trash in any order" {
		o.Sort, o.Reverse = db.ByUploaded, false
	}
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
	slices.SortFunc(all, m.order(o))
	if o.After != "" {
		all = slices.DeleteFunc(all, func(img db.Image) bool { return !m.behind(o, img, after) })
	}
	if len(all) <= o.Limit {
		return all, "", nil
	}
	page = all[:o.Limit]
	return page, m.cursor(o, page[o.Limit-1]), nil
}

// behind reports whether an image comes after the last one of the page before.
func (m *memory) behind(o db.ListOptions, img, end db.Image) bool {
	switch {
	case m.fault == "a cursor is a size" && o.Sort == db.BySize:
		img.Name, end.Name = "", ""
	case m.fault == "a cursor is an image":
		if e, ok := m.images[end.Name]; ok {
			end = e.Image
		} else if !o.Trash {
			return true // as if from the beginning
		}
	}
	return m.order(o)(img, end) > 0
}

// order compares images as o orders them.
func (m *memory) order(o db.ListOptions) func(a, b db.Image) int {
	return func(a, b db.Image) int {
		if o.Reverse && m.fault != "one direction" {
			a, b = b, a
		}
		switch o.Sort {
		case db.ByName:
			return m.compareNames(a, b)
		case db.BySize:
			return m.compareSizes(o, a, b)
		}
		return m.compareTimes(a, b)
	}
}

func (m *memory) compareNames(a, b db.Image) int {
	if m.fault == "the order ignores case" {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.Name, b.Name))
	}
	return strings.Compare(a.Name, b.Name)
}

func (m *memory) compareSizes(o db.ListOptions, a, b db.Image) int {
	names := strings.Compare(a.Name, b.Name)
	switch {
	case m.fault == "sizes as text":
		return cmp.Or(strings.Compare(fmt.Sprint(b.Size), fmt.Sprint(a.Size)), names)
	case m.fault == "equal sizes are not reversed" && o.Reverse:
		names = -names
	}
	return cmp.Or(cmp.Compare(b.Size, a.Size), names)
}

func (m *memory) compareTimes(a, b db.Image) int {
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
	return cmp.Or(listTime(b).Compare(listTime(a)), strings.Compare(a.Name, b.Name))
}

// listTime returns the time by which an image is sorted in its list.
func listTime(img db.Image) time.Time {
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
	case "match ignores case only in ASCII":
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

// cursor returns the kind of the list, and then everything that the orders compare: the
// times, the size, and the name.
func (m *memory) cursor(o db.ListOptions, img db.Image) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %t %s %s %d %s", o.Sort, o.Reverse,
		img.Deleted.Format(time.RFC3339Nano), img.Uploaded.Format(time.RFC3339Nano), img.Size, img.Name))
}

func (m *memory) parseCursor(o db.ListOptions) (img db.Image, err error) {
	if o.After == "" || m.fault == "any cursor" {
		return img, nil
	}
	plain, err := base64.RawURLEncoding.DecodeString(o.After)
	if err == nil {
		var order string
		if order, img, err = readCursor(string(plain)); err == nil && order != fmt.Sprint(int(o.Sort), o.Reverse) && m.fault != "a cursor for all orders" {
			err = db.ErrCursor
		}
	}
	other := img.Deleted.IsZero() == o.Trash && m.fault != "a cursor of the images works for the trash"
	if err != nil || other {
		return img, fmt.Errorf("%w: %.40q", db.ErrCursor, o.After)
	}
	return img, nil
}

// readCursor returns the order and the image in what cursor has written.
func readCursor(plain string) (order string, img db.Image, err error) {
	fields := strings.SplitN(plain, " ", 6)
	if len(fields) < 6 {
		return "", img, db.ErrCursor
	}
	var errs [3]error
	img.Deleted, errs[0] = time.Parse(time.RFC3339Nano, fields[2])
	img.Uploaded, errs[1] = time.Parse(time.RFC3339Nano, fields[3])
	img.Size, errs[2] = strconv.ParseInt(fields[4], 10, 64)
	img.Name = fields[5]
	return fields[0] + " " + fields[1], img, cmp.Or(errs[:]...)
}
