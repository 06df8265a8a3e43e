package pg

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// The schema has these tables:
//
//	contents  the bytes of images: equal bytes once. object is the key of the bytes in
//	          the bucket, or in the table bytes. sums has a CRC-32C of each 32 KiB.
//	          placeholder is that of all images with this content, or null.
//	images    the images, also those in the trash. deleted is 0 for an image that is not
//	          in the trash.
//	variants  the variants, in the order in which they were made.
//	garbage   objects that are being written, and objects that nobody has any more
//	usage     counters. Slot 0 counts the variants, and its row lock guards their budget.
//	          Each transaction adds to one of the other slots, so that transactions
//	          rarely wait for each other.
//	bytes     the bytes of objects, if the store has no bucket
//	store     one row about the store
//	settings  the flags of the server that started last
//	meters    what clients have used of a rate; see Take. A crash of the database empties it.
//
// All times are in nanoseconds since 1970. A missing time is null, but deleted is 0.
// Sort keys are inverted (~) where a list begins with the largest value. So one
// comparison of two columns finds the next page, in both directions.
//
// Servers of different versions may use a store at the same time. So a migration only
// adds. It must not change what an earlier version reads.

// migrations has the statements that bring a schema from version i to version i+1. The
// character @ is replaced by the name of the schema and a dot.
var migrations = []string{`
create table @contents (
	sha256  bytea primary key,
	size    bigint not null,
	object  text not null collate "C",
	sums    bytea not null,
	damaged boolean not null default false
);
alter table @contents alter column sums set storage external;

create table @images (
	id          bigint generated always as identity primary key,
	name        text not null collate "C",
	folded      text not null collate "C",
	sha256      bytea not null references @contents,
	size        bigint not null,
	type        text not null,
	width       bigint not null,
	height      bigint not null,
	orientation smallint not null,
	uploaded    bigint not null,
	expires     bigint,
	delete_key  bytea,
	deleted     bigint not null default 0,
	kept        bigint,
	due         bigint generated always as (case when deleted = 0 then expires else kept end) stored
);
create unique index images_name on @images (name) where deleted = 0;
create unique index images_trash on @images (name, deleted desc) where deleted <> 0;
create index images_uploaded on @images ((~uploaded), name) where deleted = 0;
create index images_size on @images ((~size), name) where deleted = 0;
create index images_deleted on @images ((~deleted), name) where deleted <> 0;
create index images_sha256 on @images (sha256);
create index images_delete_key on @images (delete_key) where delete_key is not null;
create index images_due on @images (due) where due is not null;

create table @variants (
	made     bigint generated always as identity primary key,
	source   bytea not null,
	key      bytea not null,
	sha256   bytea not null,
	size     bigint not null,
	type     text not null,
	width    bigint not null,
	height   bigint not null,
	uploaded bigint not null,
	object   text not null collate "C",
	sums     bytea not null,
	unique (source, key)
);
alter table @variants alter column sums set storage external;

create table @garbage (
	object text primary key collate "C",
	since  bigint not null
);
create index garbage_since on @garbage (since);

create table @usage (
	slot          smallint primary key,
	images        bigint not null default 0,
	image_bytes   bigint not null default 0,
	blobs         bigint not null default 0,
	stored        bigint not null default 0,
	trash         bigint not null default 0,
	trash_bytes   bigint not null default 0,
	variants      bigint not null default 0,
	variant_bytes bigint not null default 0
) with (fillfactor = 50);
insert into @usage (slot) select generate_series(0, 32);

create table @bytes (
	object text not null collate "C",
	number integer not null,
	data   bytea not null,
	primary key (object, number)
);
alter table @bytes alter column data set storage external;

create table @store (
	id      text not null,
	version integer not null
);
`, `
create table @settings (
	name  text primary key,
	value text not null
);
create unlogged table @meters (
	key  text primary key,
	next bigint not null
);
`, `
alter table @contents add column placeholder bytea;
`}

// slots is the number of slots of the table usage, without slot 0.
const slots = 32

// now is the time of the database in nanoseconds. All servers of a store use this clock.
// In a transaction, each statement has its own time.
const now = `(extract(epoch from statement_timestamp()) * 1000000)::bigint * 1000`

// ErrNewer is the error of a store that a newer version of this program has changed.
var ErrNewer = errors.New("a newer version of this program uses this store; update this program")

// migrate creates the tables, or brings them to the newest version. It returns the
// random id of the store.
func (s *Store) migrate(ctx context.Context) (id string, err error) {
	id, version, err := s.readVersion(ctx, s.pool)
	switch {
	case err != nil && s.o.ReadOnly && (codeOf(err) == codeNoTable || codeOf(err) == codeNoSchema):
		return "", fmt.Errorf("there is no store in the schema %s", s.place.schema)
	case err != nil && codeOf(err) != codeNoTable && codeOf(err) != codeNoSchema:
		return "", err
	case err == nil && version == len(migrations):
		return id, nil
	case err == nil && version > len(migrations):
		return "", ErrNewer
	case s.o.ReadOnly: // an older version: a migration only adds, so the tables can be read
		s.noPlaceholders = version < 3
		return id, nil
	}
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return "", err
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, s.lockKey("migrate", "")); err != nil { // servers that start at the same time
		return "", err
	}
	var known bool
	if err := tx.QueryRow(ctx, `select to_regclass($1) is not null`, s.place.schema+".store").Scan(&known); err != nil {
		return "", err
	}
	version, id = 0, randomID()
	if known {
		if id, version, err = s.readVersion(ctx, tx); err != nil {
			return "", err
		}
	}
	if version > len(migrations) {
		return "", ErrNewer
	}
	if err := s.apply(ctx, tx, version, id); err != nil {
		return "", err
	}
	return id, tx.Commit(ctx)
}

// apply runs the migrations from a version on.
func (s *Store) apply(ctx context.Context, tx pgx.Tx, version int, id string) error {
	if version == 0 {
		var exists bool
		if err := tx.QueryRow(ctx, `select exists (select from pg_namespace where nspname = $1)`, s.place.schema).Scan(&exists); err != nil {
			return err
		}
		if !exists {
			if _, err := tx.Exec(ctx, "create schema "+pgx.Identifier{s.place.schema}.Sanitize()); err != nil {
				return err
			}
		}
	}
	for ; version < len(migrations); version++ {
		// Without arguments, and so with the simple protocol: there are several statements.
		if _, err := tx.Conn().PgConn().Exec(ctx, s.sql(migrations[version])).ReadAll(); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, s.sql(`delete from @store`))
	if err == nil {
		_, err = tx.Exec(ctx, s.sql(`insert into @store (id, version) values ($1, $2)`), id, version)
	}
	return err
}

func (s *Store) readVersion(ctx context.Context, q interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}) (id string, version int, err error) {
	err = q.QueryRow(ctx, s.sql(`select id, version from @store`)).Scan(&id, &version)
	if errors.Is(err, pgx.ErrNoRows) {
		err = fmt.Errorf("the table store in the schema %s is empty", s.place.schema)
	}
	return id, version, err
}

// randomID returns 128 random bits.
func randomID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
