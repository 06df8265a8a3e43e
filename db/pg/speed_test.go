package pg_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"imageserver/db"
	"imageserver/db/pg"
	"imageserver/db/pg/pgtest"
)

// BenchmarkBesideS3 measures uploads and reads of a store beside the same requests to the
// S3 server alone. Both take turns, so the ratios hold on a noisy machine. Set PATH to a
// folder with versitygw: gofakes3 in this process would cost more than everything else.
func BenchmarkBesideS3(b *testing.B) {
	endpoint := startVersity(b)
	b.Run("near", func(b *testing.B) { benchmarkBesideS3(b, endpoint) })
	far := pgtest.NewProxy(b, strings.TrimPrefix(endpoint, "http://"))
	far.Delay(25 * time.Millisecond)
	b.Run("25 ms away", func(b *testing.B) { benchmarkBesideS3(b, "http://"+far.Addr) })
}

func benchmarkBesideS3(b *testing.B, endpoint string) {
	url := pgtest.URL(b, "")
	store := openWith(b, url+"&bucket=pictures/"+schemaOf(b, url), pg.Options{Endpoint: endpoint})
	raw, err := minio.New(strings.TrimPrefix(endpoint, "http://"), &minio.Options{Creds: credentials.NewStaticV4("test", "secret", ""), Region: "us-east-1"})
	if err != nil {
		b.Fatal(err)
	}
	var seed uint64
	for _, size := range []int{20_000, 100_000, 1_000_000} {
		data := bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7}, size/7+1)[:size]
		unique := func() []byte {
			seed++
			binary.BigEndian.PutUint64(data, seed)
			return data
		}
		putRaw := func(ctx context.Context, name string) error {
			_, err := raw.PutObject(ctx, "pictures", "raw/"+name, bytes.NewReader(unique()), int64(size), minio.PutObjectOptions{DisableMultipart: true})
			return err
		}
		putStore := func(ctx context.Context, name string) error {
			_, _, err := store.Put(ctx, name, bytes.NewReader(unique()), db.PutOptions{Conflict: db.Fail})
			return err
		}
		getRaw := func(ctx context.Context, _ string) error {
			o, err := raw.GetObject(ctx, "pictures", fmt.Sprintf("raw/%d", size), minio.GetObjectOptions{})
			if err == nil {
				_, err = io.Copy(io.Discard, o)
				o.Close()
			}
			return err
		}
		getStore := func(ctx context.Context, _ string) error {
			_, body, err := store.Get(ctx, fmt.Sprint(size))
			if err == nil {
				_, err = body.WriteTo(io.Discard)
				body.Close()
			}
			return err
		}
		name := fmt.Sprint(size)
		if err := putRaw(b.Context(), name); err != nil {
			b.Fatal(err)
		}
		if err := putStore(b.Context(), name); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("put/%d", size), func(b *testing.B) { beside(b, &seed, putRaw, putStore) })
		b.Run(fmt.Sprintf("get/%d", size), func(b *testing.B) { beside(b, &seed, getRaw, getStore) })
	}
}

// beside reports how long two calls take, and the speed of the second one divided by that
// of the first.
func beside(b *testing.B, seed *uint64, raw, store func(ctx context.Context, name string) error) {
	var rawTime, storeTime time.Duration
	for b.Loop() {
		for call, total := range map[*func(context.Context, string) error]*time.Duration{&raw: &rawTime, &store: &storeTime} {
			begun := time.Now()
			if err := (*call)(b.Context(), fmt.Sprintf("new-%d", *seed)); err != nil {
				b.Fatal(err)
			}
			*total += time.Since(begun)
		}
	}
	b.ReportMetric(float64(rawTime.Microseconds())/float64(b.N), "raw-µs/op")
	b.ReportMetric(float64(storeTime.Microseconds())/float64(b.N), "store-µs/op")
	b.ReportMetric(float64(rawTime)/float64(storeTime), "ratio")
}
