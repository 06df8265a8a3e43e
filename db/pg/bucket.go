package pg

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"imageserver/db"
)

// s3Tries is how often a request is sent if the answer is 409, 500 or 503.
const s3Tries = 3

// bucket keeps objects in a bucket of an S3 server. Its requests are PUT, GET, HEAD and
// DELETE of one object. The key of an object is never used again.
type bucket struct {
	client    minio.Core
	transport *http.Transport
	name      string
	prefix    string
	host      string // for errors
	times     times
}

// openBucket finds the S3 server in the standard variables of AWS, and checks that the
// bucket can be used. `id` is the random id of the store.
func openBucket(ctx context.Context, endpoint, name, prefix, id string, readOnly bool, times times) (*bucket, error) {
	endpoint = cmp.Or(endpoint, os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"))
	region := cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	if endpoint == "" {
		endpoint = "https://s3.amazonaws.com"
	} else if region == "" {
		region = "us-east-1" // what S3 servers outside AWS expect
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("AWS_ENDPOINT_URL is not a URL such as https://s3.example.com")
	}
	b := &bucket{name: name, prefix: prefix, host: u.Host, transport: newTransport(), times: times}
	client, err := minio.New(u.Host, &minio.Options{
		Creds: credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{Client: &http.Client{Timeout: 5 * time.Second}},
		}),
		Secure:     u.Scheme == "https",
		Region:     region,
		Transport:  b.transport,
		MaxRetries: s3Tries,
	})
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %s", name, oneLine(err))
	}
	b.client.Client = client
	check := b.check
	if readOnly {
		check = b.checkMarker
	}
	if err := check(ctx, id); err != nil {
		return nil, fmt.Errorf("%s: %s", b, oneLine(err))
	}
	return b, nil
}

func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	t.TLSHandshakeTimeout = 5 * time.Second
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
	t.IdleConnTimeout = time.Minute
	t.DisableCompression = true // a GET must return the bytes of the object
	return t
}

func (b *bucket) String() string {
	return fmt.Sprintf("bucket %s at %s", strings.TrimSuffix(b.name+"/"+b.prefix, "/"), b.host)
}

// marker is the key of an object with the id of the store that uses the prefix. It shows
// that two stores share a prefix by mistake, and /readyz asks for it.
const marker = "imageserver-store"

// check returns why the bucket cannot be used, or nil. It reads, writes and deletes.
func (b *bucket) check(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*b.times.short)
	defer cancel()
	found, err := b.read(ctx, marker)
	if errors.Is(err, errNoObject) {
		found = []byte(id)
		err = b.put(ctx, object{key: marker, kind: "text/plain", size: int64(len(id)), bytes: bytes.NewReader(found)})
	}
	if err := b.ownedBy(id, string(found), err); err != nil {
		return err
	}
	// Deleting an object that does not exist needs the same right as deleting an image.
	return bare(b.remove(ctx, newKey()))
}

// checkMarker is check for a store that is only read.
func (b *bucket) checkMarker(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*b.times.short)
	defer cancel()
	found, err := b.read(ctx, marker)
	return b.ownedBy(id, string(found), err)
}

// ownedBy returns an error unless the marker, which was read with the result `err`, has
// the id of the store.
func (b *bucket) ownedBy(id, found string, err error) error {
	switch {
	case err != nil:
		return bare(err)
	case found != id:
		return fmt.Errorf("another store has its bytes there; give each store its own bucket or prefix, such as bucket=%s/second", b.name)
	}
	return nil
}

// bare returns the cause of an error of this bucket, without the name of the bucket.
func bare(err error) error {
	var f *bucketFault
	if errors.As(err, &f) {
		return f.cause
	}
	return err
}

func (b *bucket) read(ctx context.Context, key string) ([]byte, error) {
	r, err := b.get(ctx, key, 0, 0, 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, 1<<10))
}

// put writes an object in one request.
func (b *bucket) put(ctx context.Context, o object) error {
	ctx, cancel := context.WithTimeout(ctx, b.times.put+time.Duration(o.size>>20)*time.Second)
	defer cancel()
	meta := map[string]string{"sha256": o.digest.String()}
	if o.name != "" {
		meta["name"] = url.PathEscape(o.name) // header fields are ASCII
	}
	for i := 1; ; i++ {
		_, err := b.client.Client.PutObject(ctx, b.name, b.prefix+o.key, io.NewSectionReader(o.bytes, 0, o.size), o.size,
			minio.PutObjectOptions{ContentType: o.kind, UserMetadata: meta, DisableMultipart: true})
		// minio-go does not repeat a request after 409, with which some servers answer
		// while they are busy.
		if i == s3Tries || minio.ToErrorResponse(err).StatusCode != http.StatusConflict {
			return b.fault(ctx, err)
		}
		time.Sleep(time.Duration(i) * 100 * time.Millisecond)
	}
}

func (b *bucket) get(ctx context.Context, key string, off, end, size int64) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	r := &bucketReader{b: b, ctx: ctx, cancel: cancel}
	r.idle = time.AfterFunc(b.times.idle, r.stalled)
	var o minio.GetObjectOptions
	if off > 0 || end < size {
		if err := o.SetRange(off, end-1); err != nil {
			cancel()
			return nil, err
		}
	}
	body, _, _, err := b.client.GetObject(ctx, b.name, b.prefix+key, o)
	r.idle.Stop()
	if err != nil {
		err = r.fault(err)
		cancel()
		return nil, err
	}
	r.body = body
	return r, nil
}

// bucketReader reads the body of a GET. If nothing arrives for a time, it ends the GET.
type bucketReader struct {
	b       *bucket
	ctx     context.Context
	cancel  context.CancelFunc
	body    io.ReadCloser
	idle    *time.Timer
	stopped atomic.Bool
}

func (r *bucketReader) stalled() {
	r.stopped.Store(true)
	r.cancel()
}

func (r *bucketReader) Read(p []byte) (int, error) {
	r.idle.Reset(r.b.times.idle)
	n, err := r.body.Read(p)
	r.idle.Stop()
	if err != nil && err != io.EOF {
		err = r.fault(err)
	}
	return n, err
}

func (r *bucketReader) fault(err error) error {
	if r.stopped.Load() {
		return &bucketFault{r.b, fmt.Errorf("no data for %v", r.b.times.idle)}
	}
	return r.b.fault(r.ctx, err)
}

func (r *bucketReader) Close() error {
	r.idle.Stop()
	r.cancel()
	return r.body.Close()
}

func (b *bucket) stat(ctx context.Context, key string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, b.times.short)
	defer cancel()
	info, err := b.client.StatObject(ctx, b.name, b.prefix+key, minio.StatObjectOptions{})
	return info.Size, b.fault(ctx, err)
}

func (b *bucket) remove(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, b.times.short)
	defer cancel()
	err := b.fault(ctx, b.client.RemoveObject(ctx, b.name, b.prefix+key, minio.RemoveObjectOptions{}))
	if errors.Is(err, errNoObject) {
		return nil
	}
	return err
}

func (b *bucket) list(ctx context.Context, visit func(key string, size int64) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the goroutine that lists
	for info := range b.client.Client.ListObjects(ctx, b.name, minio.ListObjectsOptions{Prefix: b.prefix, Recursive: true}) {
		if info.Err != nil {
			return b.fault(ctx, info.Err)
		}
		if key := strings.TrimPrefix(info.Key, b.prefix); key != marker {
			if err := visit(key, info.Size); err != nil {
				return err
			}
		}
	}
	return nil
}

// ready asks for the marker.
func (b *bucket) ready(ctx context.Context) error {
	_, err := b.stat(ctx, marker)
	if errors.Is(err, errNoObject) {
		err = &bucketFault{b, fmt.Errorf("the object %s, which marks the store, is missing", b.prefix+marker)}
	}
	return err
}

func (b *bucket) close() { b.transport.CloseIdleConnections() }

// bucketFault is a db.ErrBucket.
type bucketFault struct {
	b     *bucket
	cause error
}

func (f *bucketFault) Error() string {
	return fmt.Sprintf("%v: %s: %s", db.ErrBucket, f.b, oneLine(f.cause))
}
func (f *bucketFault) Unwrap() error { return db.ErrBucket }

// fault turns an error of the S3 server into an error of package db.
func (b *bucket) fault(ctx context.Context, err error) error {
	var answer minio.ErrorResponse
	switch {
	case err == nil:
		return nil
	case errors.As(err, &answer) && answer.Code == minio.NoSuchKey:
		return errNoObject
	case errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound && answer.Code != minio.NoSuchBucket:
		return errNoObject
	case errors.As(err, &answer) && answer.StatusCode == http.StatusInsufficientStorage:
		return fmt.Errorf("%w: %s: %s", db.ErrFull, b, answer.Code)
	case errors.As(err, &answer):
		return &bucketFault{b, fmt.Errorf("%s (%s, status %d)", cmp.Or(answer.Message, "request refused"), answer.Code, answer.StatusCode)}
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	}
	return &bucketFault{b, cause(err)}
}
