package pg

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// DefaultSchema is the schema of the tables, if the URL names no other.
const DefaultSchema = "imageserver"

// ErrURL is the error of a URL that does not name a store.
var ErrURL = errors.New("not the URL of a store, such as postgres://images@db.internal/images?bucket=pictures")

// IsURL reports whether `target` looks like the URL of a store of this package.
func IsURL(target string) bool {
	return strings.HasPrefix(target, "postgres://") || strings.HasPrefix(target, "postgresql://")
}

// HasPassword reports whether the URL contains a password. Other users of the machine
// can read such a URL if it is an argument of a command.
func HasPassword(target string) bool {
	u, err := url.Parse(target)
	if !IsURL(target) {
		return false
	}
	if err != nil {
		return strings.Contains(target, "@") // better one warning too many
	}
	_, user := u.User.Password()
	q := u.Query()
	return user || q.Has("password") || q.Has("sslpassword")
}

// Name returns the URL without its password, for people. It has only the parts that say
// which store it is: the user, the server, the database, the schema and the bucket.
func Name(target string) string {
	p, err := parseURL(target)
	if err != nil {
		return "postgres://…"
	}
	return p.String()
}

// place is where a store is: the parts of its URL.
type place struct {
	pool   *pgxpool.Config
	schema string
	bucket string // empty if the bytes of images are in the database
	prefix string // of the keys in the bucket; empty, or with a slash at the end
}

var (
	schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)
	bucketName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.\-_]{1,62}$`)
)

// parseURL reads the URL of a store. The parameters bucket and schema belong to this
// package. Everything else is for pgx.
func parseURL(target string) (*place, error) {
	u, err := url.Parse(target)
	if err != nil || !IsURL(target) {
		return nil, ErrURL // the error of url.Parse would contain the password
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, ErrURL
	}
	p := &place{schema: DefaultSchema}
	if q.Has("schema") {
		p.schema = q.Get("schema")
	}
	if !schemaName.MatchString(p.schema) || strings.HasPrefix(p.schema, "pg_") {
		return nil, fmt.Errorf("%w: schema=%s must have only lower-case letters, digits and _", ErrURL, p.schema)
	}
	if q.Has("bucket") {
		p.bucket, p.prefix, _ = strings.Cut(q.Get("bucket"), "/")
		if !bucketName.MatchString(p.bucket) {
			return nil, fmt.Errorf("%w: bucket=%s must be the name of a bucket, or BUCKET/PREFIX", ErrURL, q.Get("bucket"))
		}
		if p.prefix = strings.Trim(p.prefix, "/"); p.prefix != "" {
			p.prefix += "/"
		}
	}
	q.Del("schema")
	q.Del("bucket")
	if !q.Has("pool_max_conns") {
		q.Set("pool_max_conns", fmt.Sprint(defaultConns))
	}
	if !q.Has("connect_timeout") {
		q.Set("connect_timeout", "5")
	}
	if !q.Has("application_name") {
		q.Set("application_name", "imageserver")
	}
	u.RawQuery = q.Encode()
	if p.pool, err = pgxpool.ParseConfig(u.String()); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrURL, oneLine(err))
	}
	return p, nil
}

// String returns the URL without the password.
func (p *place) String() string {
	c := p.pool.ConnConfig
	u := url.URL{Scheme: "postgres", User: url.User(c.User), Host: p.server(), Path: "/" + c.Database}
	var q []string
	if p.bucket != "" {
		q = append(q, "bucket="+strings.TrimSuffix(p.bucket+"/"+p.prefix, "/"))
	}
	if p.schema != DefaultSchema {
		q = append(q, "schema="+p.schema)
	}
	u.RawQuery = strings.Join(q, "&")
	return u.String()
}

// server returns the address of the database, for people.
func (p *place) server() string {
	c := p.pool.ConnConfig
	if strings.HasPrefix(c.Host, "/") {
		return "localhost"
	}
	return net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
}
