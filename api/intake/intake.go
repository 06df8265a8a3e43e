// Package intake decides which bytes are accepted as an image, for uploads and for
// imports. An image must have a known and allowed type, must not be larger than the
// limit, and must have a valid header. On request, the package removes the metadata.
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
	"github.com/dustin/go-humanize/english"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/strip"
	"imageserver/db"
	"imageserver/db/fair"
)

// The person uploading sees these errors, and the errors of packages format and
// strip.
var (
	ErrEmpty      = errors.New("the file is empty")
	ErrTooLarge   = errors.New("the image is too large")
	ErrNotAllowed = errors.New("images of this type are not accepted")
)

// Rules say which images are accepted.
type Rules struct {
	MaxSize int64         // the largest image, in bytes; 0 means no limit
	Allow   []format.Type // the accepted types; nil means all of format.Types
	Strip   bool          // remove the metadata from every image; refuse types that package strip does not support
}

// Intake checks images against its rules. It is safe for concurrent use.
type Intake struct {
	rules   Rules
	allowed map[format.Type]bool
	memory  *fair.Memory // for images whose metadata is being removed
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

// TooLarge returns an ErrTooLarge that names the limit.
func (in *Intake) TooLarge() error {
	return fmt.Errorf("%w: the limit is %s", ErrTooLarge, humanize.IBytes(uint64(in.rules.MaxSize)))
}

// Fits reports whether an image of size bytes is within the limit.
func (in *Intake) Fits(size int64) bool { return in.rules.MaxSize == 0 || size <= in.rules.MaxSize }

// Types returns the accepted types, in the order of format.Types.
func (in *Intake) Types() []format.Type {
	return slices.DeleteFunc(format.Types(), func(t format.Type) bool { return !in.allowed[t] })
}

// allow returns an ErrNotAllowed unless t is an accepted type.
func (in *Intake) allow(t format.Type) error {
	if in.allowed[t] {
		return nil
	}
	names := make([]string, len(in.rules.Allow))
	for i, t := range in.rules.Allow {
		names[i] = strings.ToUpper(string(t))
	}
	return fmt.Errorf("%w: this is %s, use %s", ErrNotAllowed, strings.ToUpper(string(t)), english.WordSeries(names, "or"))
}

// Options are the options of one image.
type Options struct {
	Strip  bool // remove the metadata, even if the rules do not require it
	Digest bool // the caller will call Content.Digest

	Sender db.Sender // as in db.PutOptions
}

// Content is an image on its way to a store. Its Read returns the bytes to store.
type Content struct {
	Type     format.Type
	Stripped bool // the metadata is removed

	r       io.Reader // the bytes to store
	err     error     // the first error of r that is not io.EOF
	limited limited
	head    *bufio.Reader
	sent    hash.Hash  // digest of the received bytes; nil if the received bytes are stored or no digest is needed
	memory  *reserving // nil if no metadata is removed
}

// headPool holds readers that can peek at as many bytes as format.Sniff needs.
var headPool = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, format.SniffLen) }}

// Open finds the type of the image in body and checks it against the rules. It reads
// only the first bytes, unless it must remove metadata. The caller closes the Content.
// If Open or Read must wait for memory, the wait ends with ctx.
func (in *Intake) Open(ctx context.Context, body io.Reader, o Options) (*Content, error) {
	c := &Content{
		limited: limited{r: body, left: in.rules.MaxSize, in: in},
		head:    headPool.Get().(*bufio.Reader),
	}
	c.head.Reset(&c.limited)
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

// sniff finds the type of the image from its first bytes.
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

// strip makes Read return the image without its metadata.
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

// Read implements io.Reader. It records the error for Explain, because a store adds its
// own text to the error.
func (c *Content) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	if err != io.EOF {
		c.err = err
	}
	return n, err
}

// Explain returns the error that the content itself caused, if the store's error err
// wraps such an error. Otherwise it returns err.
func (c *Content) Explain(err error) error {
	for _, own := range []error{c.limited.err, c.err} {
		if own != nil && errors.Is(err, own) {
			return own
		}
	}
	return err
}

// Digest returns the digest of the received bytes. The argument is the digest of the
// stored bytes, which differ if metadata was removed.
func (c *Content) Digest(stored db.Digest) db.Digest {
	if c.sent == nil {
		return stored
	}
	return db.Digest(c.sent.Sum(nil))
}

// Close releases the memory of the content.
func (c *Content) Close() {
	if c.memory != nil {
		c.memory.share.Close()
	}
	c.head.Reset(nil)
	headPool.Put(c.head)
}

// Describe sets the fields of img that a store cannot know: type, size in pixels and
// orientation. It is a function for db.PutOptions.Inspect.
func Describe(r io.ReaderAt, img *db.Image) error {
	info, err := format.Detect(r, img.Size)
	if err != nil {
		return err
	}
	img.ContentType, img.Width, img.Height, img.Orientation = info.Type.MIME(), info.Width, info.Height, info.Orientation
	return nil
}

// limited reads from r and fails when r has more bytes than the limit.
type limited struct {
	r    io.Reader
	left int64 // bytes that may still be read
	in   *Intake
	err  error // set when r has more bytes than the limit
}

func (l *limited) Read(p []byte) (int, error) {
	if l.in.rules.MaxSize == 0 {
		return l.r.Read(p)
	}
	// Reading one byte beyond the limit shows whether the file fits.
	n, err := l.r.Read(p[:min(int64(len(p)), l.left+1)])
	if l.left -= int64(n); l.left < 0 {
		l.err = l.in.TooLarge()
		return 0, l.err
	}
	return n, err
}
