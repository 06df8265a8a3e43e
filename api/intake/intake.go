// Package intake decides which bytes are taken as an image, wherever they come
// from, an upload or a folder: those of a type that is known and allowed, within
// a size, with a header that can be right; and without their metadata where that
// is asked for.
package intake

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/dustin/go-humanize"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/strip"
	"imageserver/db"
	"imageserver/db/fair"
)

// Errors fit to show to the person uploading, besides those of format and strip.
var (
	ErrEmpty      = errors.New("the file is empty")
	ErrTooLarge   = errors.New("the image is too large")
	ErrNotAllowed = errors.New("images of this type are not taken")
)

// Rules say what is taken.
type Rules struct {
	MaxSize int64         // bytes of one image at most; 0 for any size
	Allow   []format.Type // nil means all of format.Types
	Strip   bool          // take the metadata out of every image, and refuse types of which it cannot be taken
}

// Intake takes images in. It is safe for concurrent use.
type Intake struct {
	rules   Rules
	allowed map[format.Type]bool
	memory  *fair.Memory // of images that are being stripped
}

// New returns an Intake with these rules.
func New(rules Rules) *Intake {
	if rules.Allow == nil {
		rules.Allow = format.Types()
	}
	in := &Intake{rules: rules, allowed: make(map[format.Type]bool), memory: fair.New(stripMemory, maxWebP+stripStep, stripWait)}
	for _, t := range rules.Allow {
		in.allowed[t] = true
	}
	return in
}

// TooLarge returns an ErrTooLarge that tells the limit.
func (in *Intake) TooLarge() error {
	return fmt.Errorf("%w: the limit is %s", ErrTooLarge, humanize.IBytes(uint64(in.rules.MaxSize)))
}

// Fits reports whether an image of size bytes is not too large.
func (in *Intake) Fits(size int64) bool { return in.rules.MaxSize == 0 || size <= in.rules.MaxSize }

// Types returns the types that are taken, in the order of format.Types.
func (in *Intake) Types() []format.Type {
	return slices.DeleteFunc(format.Types(), func(t format.Type) bool { return !in.allowed[t] })
}

func (in *Intake) allow(t format.Type) error {
	if in.allowed[t] {
		return nil
	}
	names := make([]string, len(in.rules.Allow))
	for i, t := range in.rules.Allow {
		names[i] = strings.ToUpper(string(t))
	}
	return fmt.Errorf("%w: this is %s, and only %s are", ErrNotAllowed, strings.ToUpper(string(t)), strings.Join(names, ", "))
}

// Options are those of one image.
type Options struct {
	Strip  bool // take its metadata out, whatever the rules say
	Digest bool // Content.Digest will be called

	Sender db.Sender // as in db.PutOptions
}

// Content is the bytes of an image on their way to a store. It is a reader of
// what is to be stored.
type Content struct {
	Type     format.Type
	Stripped bool // of its metadata

	r       io.Reader
	err     error // of r, but for its end
	limited *limited
	head    *bufio.Reader
	sent    hash.Hash // of the bytes as they came, where others are stored and a digest is wanted
	memory  *reserving
}

// headPool lends readers that can peek at as much as format.Sniff wants.
var headPool = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, format.SniffLen) }}

// Open begins to take an image in. Its type is decided by the first bytes, before
// any more is read. Unless it fails the caller closes what it returns. Where
// memory has to be waited for, that ends with ctx.
func (in *Intake) Open(ctx context.Context, body io.Reader, o Options) (*Content, error) {
	c := &Content{
		limited: &limited{r: body, left: in.rules.MaxSize, in: in},
		head:    headPool.Get().(*bufio.Reader),
	}
	c.head.Reset(c.limited)
	err := c.sniff()
	if err == nil {
		err = in.allow(c.Type)
	}
	c.r = c.head
	if err == nil && (o.Strip || in.rules.Strip) {
		err = c.strip(ctx, in.memory, o)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Content) sniff() error {
	head, err := c.head.Peek(format.SniffLen)
	switch {
	case err != nil && err != io.EOF:
		return c.Explain(fmt.Errorf("read image: %w", err))
	case len(head) == 0:
		return ErrEmpty
	}
	c.Type, err = format.Sniff(head)
	return err
}

// strip has the content read without its metadata.
func (c *Content) strip(ctx context.Context, memory *fair.Memory, o Options) (err error) {
	if o.Digest {
		c.sent = sha256.New()
		c.r = io.TeeReader(c.r, c.sent)
	}
	c.memory = &reserving{r: c.r, ctx: ctx, share: memory.Share(o.Sender), most: maxStripped}
	if c.Type == format.WebP {
		c.memory.most = maxWebP
	}
	c.r = c.memory
	c.Stripped = true
	c.r, err = strip.Reader(c.r, c.Type, maxWebP)
	return err
}

// Read remembers the error: a store would put it into words of its own.
func (c *Content) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	if err != io.EOF {
		c.err = err
	}
	return n, err
}

// Explain returns, for an error of a store that has read the content, the reason
// in it that the content itself gave, if any.
func (c *Content) Explain(err error) error {
	for _, own := range []error{c.limited.err, c.err} {
		if own != nil && errors.Is(err, own) {
			return own
		}
	}
	return err
}

// Digest is that of the bytes as they came, of which those stored have this one.
func (c *Content) Digest(stored db.Digest) db.Digest {
	if c.sent == nil {
		return stored
	}
	return db.Digest(c.sent.Sum(nil))
}

// Close gives back what the content holds.
func (c *Content) Close() {
	if c.memory != nil {
		c.memory.share.Close()
	}
	c.head.Reset(nil)
	headPool.Put(c.head)
}

// Describe fills in what a store does not know of an image: its type, and how
// large it is shown. It is a db.PutOptions.Inspect.
func Describe(r io.ReaderAt, img *db.Image) error {
	info, err := format.Detect(r, img.Size)
	if err != nil {
		return err
	}
	img.ContentType, img.Width, img.Height, img.Orientation = info.Type.MIME(), info.Width, info.Height, info.Orientation
	return nil
}

// limited reads at most left bytes and then fails.
type limited struct {
	r    io.Reader
	left int64
	in   *Intake
	err  error // that there are more
}

func (l *limited) Read(p []byte) (int, error) {
	if l.in.rules.MaxSize == 0 {
		return l.r.Read(p)
	}
	// One byte more than allowed tells a file that fits from one that does not.
	n, err := l.r.Read(p[:min(int64(len(p)), l.left+1)])
	if l.left -= int64(n); l.left < 0 {
		l.err = l.in.TooLarge()
		return 0, l.err
	}
	return n, err
}
