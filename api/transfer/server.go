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
// The token may be empty.
func Server(base *url.URL, token string) *Remote {
	client := retryablehttp.NewClient()
	client.Logger = nil
	client.RetryWaitMin, client.RetryWaitMax, client.RetryMax = 200*time.Millisecond, 10*time.Second, 10
	client.CheckRetry = worthRetrying
	client.ErrorHandler = retryablehttp.PassthroughErrorHandler
	transport := client.HTTPClient.Transport.(*http.Transport)
	transport.MaxIdleConnsPerHost = workers
	transport.DisableCompression = true // the bytes are wanted as they are stored
	transport.ResponseHeaderTimeout = 5 * time.Minute
	return &Remote{base: base, token: token, client: client}
}

// worthRetrying reports whether a request may do better later: the connection
// broke, or the server or a proxy before it asks for time.
func worthRetrying(ctx context.Context, resp *http.Response, err error) (bool, error) {
	var own *fileError
	var network *net.OpError
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.As(err, &own), errors.As(err, &network) && network.Op == "dial": // nobody is there
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

// Close lets go of the connections.
func (r *Remote) Close() { r.client.HTTPClient.CloseIdleConnections() }

// url is that of a path on the server, the elements of which are escaped here.
func (r *Remote) url(elements ...string) string {
	for i, e := range elements {
		elements[i] = url.PathEscape(e)
	}
	return r.base.JoinPath(elements...).String()
}

// do sends a request; the answer is the caller's to close. What is no success is
// a *failure, unless its status is among others.
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
	resp, err := r.inTurn(req)
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

// turns is how often a request is sent to a server that says it comes too often.
// All workers wait for the same moment then, and it is one of them that gets
// through: of 100 files for a server with --rate=60/m some are unlucky 50 times.
const turns = 1000

// inTurn sends a request, again and again to a server with a limit for how often.
func (r *Remote) inTurn(req *retryablehttp.Request) (*http.Response, error) {
	for turn := 0; ; turn++ {
		resp, err := r.client.Do(req)
		if err != nil || resp.StatusCode != http.StatusTooManyRequests || turn == turns {
			return resp, err
		}
		wait := r.client.Backoff(r.client.RetryWaitMin, r.client.RetryWaitMax, turn, resp)
		_, _ = io.CopyN(io.Discard, resp.Body, 1<<20) // so that the connection serves again
		resp.Body.Close()
		select {
		case <-time.After(wait):
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
	}
}

// short leaves out of an error of net/http the request, which is of no help.
func short(err error) error {
	var long *url.Error
	if errors.As(err, &long) {
		return long.Err
	}
	return err
}

// failure is an answer that is no success.
type failure struct {
	base    *url.URL
	status  int
	code    string
	message string
}

func newFailure(base *url.URL, resp *http.Response) *failure {
	f := &failure{base: base, status: resp.StatusCode}
	var answer struct {
		Error struct{ Code, Message string }
	}
	_ = json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer) // a proxy's is no JSON
	f.code, f.message = answer.Error.Code, answer.Error.Message
	if f.message == "" {
		f.message = http.StatusText(f.status)
	}
	return f
}

func (f *failure) Error() string {
	return fmt.Sprintf("%s: %d: %s", f.base.Redacted(), f.status, f.message)
}

// Unwrap returns what the answer stands for, if that is no trouble of the server.
func (f *failure) Unwrap() error {
	switch {
	case f.code == "damaged":
		return db.ErrDamaged
	case f.status == http.StatusNotFound:
		return db.ErrNotFound
	case f.code == "not_an_image", f.code == "empty":
		return &Refusal{true, errors.New(f.message)}
	}
	switch f.status {
	case http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return &Refusal{false, errors.New(f.message)}
	}
	return nil
}

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

// foreign is the error for an answer that no imageserver gives.
func (r *Remote) foreign() error { return fmt.Errorf("%s is no imageserver", r.base.Redacted()) }

// Put uses PUT, which keeps the name as it is, for one that is free. For a taken
// one it uploads, and the server finds a number, or that the bytes have one: they
// may be others there than here, if it takes metadata out.
func (r *Remote) Put(ctx context.Context, name string, content Content, uploaded time.Time) (db.Image, db.Outcome, error) {
	header := http.Header{"If-None-Match": {"*"}}
	if !uploaded.IsZero() {
		header.Set("Uploaded-At", uploaded.UTC().Format(time.RFC3339Nano))
	}
	body := func() (io.Reader, error) { return content.Open(), nil }
	resp, err := r.do(ctx, http.MethodPut, r.url("images", name), header, body, http.StatusPreconditionFailed)
	if err != nil {
		return db.Image{}, 0, err
	}
	if resp.StatusCode == http.StatusPreconditionFailed {
		resp.Body.Close()
		header.Del("If-None-Match")
		if resp, err = r.upload(ctx, name, content, header); err != nil {
			return db.Image{}, 0, err
		}
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

// upload sends the content as a form.
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

// sized is a reader that says how long it is, for the Content-Length.
type sized struct {
	io.Reader
	size int
}

func (s *sized) Len() int { return s.size }

// image is the JSON of an image, as far as it is used here.
type image struct {
	Filename   string
	Size       int64
	SHA256     string
	UploadedAt time.Time `json:"uploaded_at"`
}

func (i *image) parse() (img db.Image, err error) {
	img = db.Image{Name: i.Filename, Size: i.Size, Uploaded: i.UploadedAt}
	if img.SHA256, err = db.ParseDigest(i.SHA256); err != nil {
		return img, err
	}
	_, err = db.CheckName(i.Filename)
	return img, err
}

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

// Fetch asks for the image with the digest that was listed. A server cuts the
// answer off where it finds that the image is damaged.
func (r *Remote) Fetch(ctx context.Context, img db.Image, w io.Writer) error {
	resp, err := r.do(ctx, http.MethodGet, r.url("images", img.Name)+"?v="+img.SHA256.String(), nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body := &remembering{r: resp.Body}
	_, err = io.Copy(w, body)
	if body.err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w, or the connection broke: %w", db.ErrDamaged, body.err)
	}
	return err
}

// remembering keeps the error of a reader apart from that of the writer.
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
