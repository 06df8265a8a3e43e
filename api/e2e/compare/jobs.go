package main

import (
	"fmt"
	"slices"
)

// The parts of the comparison.
const (
	partGet    = "get"    // GET against image size
	partMore   = "more"   // many clients, 304, HEAD, ranges
	partHTTP2  = "http2"  // GET over TLS and HTTP/2
	partUpload = "upload" // PUT against image size and clients
)

var partNames = []string{partGet, partMore, partHTTP2, partUpload}

// kind is what the requests of a job ask for.
type kind int

const (
	get         kind = iota
	head             // HEAD
	notModified      // GET with the ETag: the response is 304
	ranges           // rangeSize bytes at a time, as a video player requests them
	put              // a new image each time
)

const (
	clients   = 16      // keep-alive connections in most jobs
	moreSize  = 20e3    // bytes of the image in partMore
	rangeFile = 8e6     // bytes of the image that is read in ranges
	rangeSize = 1 << 20 // bytes
	streams   = 4       // of each HTTP/2 connection
)

// job is one kind of request, which all servers get in turns.
type job struct {
	part    string
	title   string // a row in the table
	kind    kind
	size    int // of the image, in bytes
	clients int // requests at a time
}

// jobs returns the jobs of a run in groups. The servers start for a group.
func (s *settings) jobs() (groups [][]job) {
	var plain, secure []job
	for _, size := range s.sizes {
		plain = append(plain, job{partGet, sizeName(size), get, size, clients})
		if size <= 1e6 {
			secure = append(secure, job{partHTTP2, sizeName(size) + ", HTTP/2", get, size, clients})
		}
	}
	plain = append(plain,
		job{partMore, fmt.Sprintf("%s, %d clients", sizeName(moreSize), s.crowd), get, moreSize, s.crowd},
		job{partMore, "304 Not Modified", notModified, moreSize, clients},
		job{partMore, "HEAD", head, moreSize, clients},
		job{partMore, "1 MiB of " + sizeName(rangeFile), ranges, rangeFile, clients},
	)
	groups = [][]job{plain, secure}
	for _, size := range s.sizes {
		for _, n := range s.clients {
			title := fmt.Sprintf("%s, %d clients", sizeName(size), n)
			if n == 1 {
				title = sizeName(size) + ", 1 client"
			}
			if size >= 20e3 {
				groups = append(groups, []job{{partUpload, title, put, size, n}})
			}
		}
	}
	for i, group := range groups {
		groups[i] = slices.DeleteFunc(group, func(j job) bool { return !slices.Contains(s.parts, j.part) })
	}
	return slices.DeleteFunc(groups, func(group []job) bool { return len(group) == 0 })
}

// request is an HTTP/1.1 request, and what its response must be.
type request struct {
	head, body []byte
	status     string // what the status must begin with
	length     int    // of the body of the response, or anyLength
}

const anyLength = -1

// requests returns what a client sends to the server at addr, by turns. Jobs of the kind put
// make their requests as they go.
func (j job) requests(addr, etag string) (all []request) {
	build := func(method, fields string) []byte {
		return fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, imagePath(imageName(j.size)), addr, fields)
	}
	switch j.kind {
	case get:
		return []request{{head: build("GET", ""), status: "200", length: j.size}}
	case head:
		return []request{{head: build("HEAD", ""), status: "200"}}
	case notModified:
		return []request{{head: build("GET", "If-None-Match: "+etag+"\r\n"), status: "304"}}
	case ranges:
		for from := 0; from+rangeSize <= j.size; from += rangeSize {
			field := fmt.Sprintf("Range: bytes=%d-%d\r\n", from, from+rangeSize-1)
			all = append(all, request{head: build("GET", field), status: "206", length: rangeSize})
		}
	}
	return all
}

// upload returns a PUT of an image to the server at addr.
func upload(addr string, img []byte, number uint64) request {
	return request{
		head: fmt.Appendf(nil, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n",
			imagePath(uploadName(number)), addr, len(img)),
		body:   img,
		status: "20", // 200 if the server has stored it, but its first response was lost
		length: anyLength,
	}
}
