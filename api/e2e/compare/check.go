package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// do sends a request with net/http and returns the response with its whole body.
func (s *server) do(ctx context.Context, method, name, fields string, body []byte) (*http.Response, []byte, error) {
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	url := "http://" + s.addr + imagePath(name)
	if s.tls != nil {
		transport.TLSClientConfig, transport.ForceAttemptHTTP2 = s.tls.Clone(), true
		url = "https://" + s.addr + imagePath(name)
	}
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	if field, value, found := strings.Cut(fields, ": "); found {
		r.Header.Set(field, value)
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response, content, err
}

// fill uploads the sample images.
func (s *server) fill(ctx context.Context) error {
	for size, img := range s.samples {
		if err := s.expect(ctx, "PUT", imageName(size), "", img, http.StatusCreated, nil); err != nil {
			return err
		}
	}
	return nil
}

// header returns the header of a response with an image.
func (s *server) header(ctx context.Context, size int) (http.Header, error) {
	response, _, err := s.do(ctx, "GET", imageName(size), "", nil)
	if err != nil {
		return nil, err
	}
	return response.Header, nil
}

// expect sends a request, and checks the status of the response, and its body if want is
// not nil.
func (s *server) expect(ctx context.Context, method, name, fields string, body []byte, status int, want []byte) error {
	response, content, err := s.do(ctx, method, name, fields, body)
	switch {
	case err != nil:
		return err
	case response.StatusCode != status:
		return fmt.Errorf("%s %s %s: got status %d, want %d", method, name, fields, response.StatusCode, status)
	case want != nil && !bytes.Equal(content, want):
		return fmt.Errorf("%s %s %s: got %d bytes, not the %d of the image", method, name, fields, len(content), len(want))
	case s.tls != nil && response.ProtoMajor != 2:
		return fmt.Errorf("%s %s: got %s, want HTTP/2", method, name, response.Proto)
	}
	return nil
}

// check checks that a server responds rightly to what it gets in a job. For the job
// notModified it also reads the ETag.
func (s *server) check(ctx context.Context, j job) error {
	if err := s.checkKind(ctx, j, s.samples[j.size]); err != nil {
		return fmt.Errorf("%s: %w", j.title, err)
	}
	return nil
}

func (s *server) checkKind(ctx context.Context, j job, img []byte) error {
	if s.process == nil {
		return nil // the disk sends nothing
	}
	name := imageName(j.size)
	switch j.kind {
	case get:
		return s.expect(ctx, "GET", name, "", nil, http.StatusOK, img)
	case head:
		return s.expect(ctx, "HEAD", name, "", nil, http.StatusOK, []byte{})
	case notModified:
		header, err := s.header(ctx, j.size)
		if err != nil {
			return err
		}
		if s.etags[j.size] = header.Get("ETag"); s.etags[j.size] == "" {
			return errors.New("a response without an ETag")
		}
		return s.expect(ctx, "GET", name, "If-None-Match: "+s.etags[j.size], nil, http.StatusNotModified, []byte{})
	case ranges:
		field := fmt.Sprintf("Range: bytes=%d-%d", rangeSize, 2*rangeSize-1)
		return s.expect(ctx, "GET", name, field, nil, http.StatusPartialContent, img[rangeSize:2*rangeSize])
	}
	img = bytes.Clone(img)
	renumber(img, 0)
	return errors.Join(
		s.expect(ctx, "PUT", uploadName(0), "", img, http.StatusCreated, nil),
		s.expect(ctx, "GET", uploadName(0), "", nil, http.StatusOK, img),
	)
}
