package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"imageserver/db"
)

// Server returns the Images of the server at base, such as https://img.example.com.
// token is its access token, or empty. The caller closes the Remote.
func Server(base *url.URL, token string) *Remote {
	client := retryablehttp.NewClient()
	client.Logger = nil
	client.RetryWaitMin, client.RetryWaitMax, client.RetryMax = 200*time.Millisecond, 10*time.Second, 10
	client.CheckRetry = worthRetrying
	client.ErrorHandler = retryablehttp.PassthroughErrorHandler
	transport := client.HTTPClient.Transport.(*http.Transport)
	transport.MaxIdleConnsPerHost = workers
	transport.DisableCompression = true // get the bytes as they are stored
	transport.ResponseHeaderTimeout = 5 * time.Minute
	return &Remote{base: base, token: token, client: client}
}

// worthRetrying reports whether the same request may succeed later, because the connection
// was lost, or the server or its proxy is busy. If ctx has ended, worthRetrying returns the
// error of ctx.
func worthRetrying(ctx context.Context, resp *http.Response, err error) (bool, error) {
	var own *fileError
	var network *net.OpError
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.As(err, &own), errors.As(err, &network) && network.Op == "dial": // no server listens
		return false, nil
	case err != nil:
		return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
	}
	switch resp.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true, nil
	}
	return false, nil
}

// Remote is the Images of a server.
type Remote struct {
	base   *url.URL
	token  string
	client *retryablehttp.Client
}

// Close closes the idle connections.
func (r *Remote) Close() { r.client.HTTPClient.CloseIdleConnections() }

// url returns the URL of a path on the server. It escapes the elements of the path.
func (r *Remote) url(elements ...string) string {
	for i, e := range elements {
		elements[i] = url.PathEscape(e)
	}
	return r.base.JoinPath(elements...).String()
}

// do sends a request. The caller closes the body of the response. do returns a *failure
// if the status is not 200, not 201 and not one of others.
func (r *Remote) do(ctx context.Context, method, url string, header http.Header, body retryablehttp.ReaderFunc, others ...int) (*http.Response, error) {
	var raw any
	if body != nil {
		raw = body
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, method, url, raw)
	if err != nil {
		return nil, err
	}
	for key, values := range header {
		req.Header[key] = values
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	resp, err := r.sendAtRate(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.base.Redacted(), short(err))
	}
	for _, status := range append(others, http.StatusOK, http.StatusCreated) {
		if resp.StatusCode == status {
			return resp, nil
		}
	}
	defer resp.Body.Close()
	return nil, newFailure(r.base, resp)
}

// maxAttempts is how often a request is repeated after 429. All workers wait for the
// same moment, and then only one of them succeeds. In a test with 100 files and
// --rate=60/m, some requests were repeated 50 times.
const maxAttempts = 1000

// sendAtRate sends a request. If the server responds with 429, it waits and sends the
// request again.
func (r *Remote) sendAtRate(req *retryablehttp.Request) (*http.Response, error) {
	for attempt := 0; ; attempt++ {
		resp, err := r.client.Do(req)
		if err != nil || resp.StatusCode != http.StatusTooManyRequests || attempt == maxAttempts {
			return resp, err
		}
		wait := r.client.Backoff(r.client.RetryWaitMin, r.client.RetryWaitMax, attempt, resp)
		_, _ = io.CopyN(io.Discard, resp.Body, 1<<20) // so that the connection can be used again
		resp.Body.Close()
		select {
		case <-time.After(wait):
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
	}
}

// short removes the method and the URL from an error of net/http.
func short(err error) error {
	var long *url.Error
	if errors.As(err, &long) {
		return long.Err
	}
	return err
}

// failure is a response that reports an error.
type failure struct {
	base    *url.URL
	status  int
	code    string // as in api/README.md, or empty
	message string // for people
}

// newFailure reads the error from the body of a response.
func newFailure(base *url.URL, resp *http.Response) *failure {
	f := &failure{base: base, status: resp.StatusCode}
	var answer struct {
		Error struct{ Code, Message string }
	}
	_ = json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer) // a proxy may send a body that is not JSON
	f.code, f.message = answer.Error.Code, answer.Error.Message
	if f.message == "" {
		f.message = http.StatusText(f.status)
	}
	return f
}

func (f *failure) Error() string {
	return fmt.Sprintf("%s: %d: %s", f.base.Redacted(), f.status, f.message)
}

// Unwrap returns the error that the response means for one image, or nil if the error
// concerns all images.
func (f *failure) Unwrap() error {
	switch {
	case f.code == "damaged":
		return db.ErrDamaged
	case f.status == http.StatusNotFound:
		return db.ErrNotFound
	case f.code == "not_an_image", f.code == "empty":
		return &Refusal{NotImage: true, Err: errors.New(f.message)}
	}
	switch f.status {
	case http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return &Refusal{Err: errors.New(f.message)}
	}
	return nil
}

// Stat implements [Images]. The ETag of an image is its SHA-256.
func (r *Remote) Stat(ctx context.Context, name string) (img db.Image, err error) {
	resp, err := r.do(ctx, http.MethodHead, r.url("images", name), nil, nil)
	if err != nil {
		return img, err
	}
	defer resp.Body.Close()
	if img.SHA256, err = db.ParseDigest(strings.Trim(resp.Header.Get("ETag"), `"`)); err != nil {
		return img, r.foreign()
	}
	img.Name, img.Size = name, resp.ContentLength
	return img, nil
}

// foreign returns the error for a response that an imageserver does not send.
func (r *Remote) foreign() error {
	return fmt.Errorf("%s is not an imageserver; check the address in --server", r.base.Redacted())
}

// Put implements [Images]. It first sends a PUT, which keeps the name unchanged and
// succeeds only if the name is free. If the name is taken, Put uploads with POST. The
// server then finds a free numbered name, or finds that the bytes are already stored. Put
// itself cannot find stored bytes, because they differ if the server removes metadata.
func (r *Remote) Put(ctx context.Context, name string, content Content, uploaded time.Time) (db.Image, db.Outcome, error) {
	resp, err := r.send(ctx, name, content, uploaded)
	if err != nil {
		return db.Image{}, 0, err
	}
	defer resp.Body.Close()
	var stored struct {
		image
		Duplicate bool
	}
	if err := json.NewDecoder(resp.Body).Decode(&stored); err != nil {
		return db.Image{}, 0, r.foreign()
	}
	img, err := stored.image.parse()
	if err != nil {
		return img, 0, r.foreign()
	}
	if stored.Duplicate {
		return img, db.Unchanged, nil
	}
	return img, db.Created, nil
}

// send sends the content with PUT or, if the name is taken, with POST.
func (r *Remote) send(ctx context.Context, name string, content Content, uploaded time.Time) (*http.Response, error) {
	header := http.Header{"If-None-Match": {"*"}}
	if !uploaded.IsZero() {
		header.Set("Uploaded-At", uploaded.UTC().Format(time.RFC3339Nano))
	}
	body := func() (io.Reader, error) { return content.Open(), nil }
	resp, err := r.do(ctx, http.MethodPut, r.url("images", name), header, body, http.StatusPreconditionFailed)
	if err != nil || resp.StatusCode != http.StatusPreconditionFailed {
		return resp, err
	}
	resp.Body.Close()
	header.Del("If-None-Match")
	return r.upload(ctx, name, content, header)
}

// upload sends the content as a form with POST /upload.
func (r *Remote) upload(ctx context.Context, name string, content Content, header http.Header) (*http.Response, error) {
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	if _, err := parts.CreateFormFile("file", name); err != nil {
		return nil, err
	}
	head := form.Len()
	if err := parts.Close(); err != nil {
		return nil, err
	}
	header.Set("Content-Type", parts.FormDataContentType())
	body := func() (io.Reader, error) {
		before, after := form.Bytes()[:head], form.Bytes()[head:]
		return &sized{
			io.MultiReader(bytes.NewReader(before), content.Open(), bytes.NewReader(after)),
			form.Len() + int(content.Size()),
		}, nil
	}
	return r.do(ctx, http.MethodPost, r.url("upload"), header, body)
}

// sized is a reader with a known length. retryablehttp uses its Len as Content-Length.
type sized struct {
	io.Reader
	size int // bytes
}

func (s *sized) Len() int { return s.size }

// image has the fields that transfer uses from the JSON of an image.
type image struct {
	Filename   string
	Size       int64
	SHA256     string
	UploadedAt time.Time `json:"uploaded_at"`
}

// parse returns the image as a db.Image, after it has checked the digest and the name.
func (i *image) parse() (img db.Image, err error) {
	img = db.Image{Name: i.Filename, Size: i.Size, Uploaded: i.UploadedAt}
	if img.SHA256, err = db.ParseDigest(i.SHA256); err != nil {
		return img, err
	}
	_, err = db.CheckName(i.Filename)
	return img, err
}

// List implements [Images].
func (r *Remote) List(ctx context.Context, after string) (images []db.Image, next string, err error) {
	query := url.Values{"limit": {fmt.Sprint(pageSize)}, "cursor": {after}}
	resp, err := r.do(ctx, http.MethodGet, r.url("images")+"?"+query.Encode(), nil, nil)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	var page struct {
		Images []image
		Next   string
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		return nil, "", r.foreign()
	}
	for _, i := range page.Images {
		img, err := i.parse()
		if err != nil {
			return nil, "", r.foreign()
		}
		images = append(images, img)
	}
	return images, page.Next, nil
}

// Fetch implements [Images]. It requests the image with the digest of the list, and
// gets 404 if the image now has other bytes. If the server finds that the image is
// damaged, it ends the connection before the last byte.
func (r *Remote) Fetch(ctx context.Context, img db.Image, w io.Writer) error {
	resp, err := r.do(ctx, http.MethodGet, r.url("images", img.Name)+"?v="+img.SHA256.String(), nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body := &remembering{r: resp.Body}
	_, err = io.Copy(w, body)
	if body.err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w, or the connection was lost: %w", db.ErrDamaged, body.err)
	}
	return err
}

// remembering keeps the error of a reader, so that Fetch can distinguish it from an
// error of the writer.
type remembering struct {
	r   io.Reader
	err error
}

func (r *remembering) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}
