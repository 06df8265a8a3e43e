package pg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"imageserver/db"
)

// Codes of PostgreSQL (its manual, appendix A).
const (
	codeUnique      = "23505"
	codeForeignKey  = "23503"
	codeSerialize   = "40001"
	codeDeadlock    = "40P01"
	codeLockTimeout = "55P03"
	codeCanceled    = "57014"
	codeDiskFull    = "53100"
	codeReadOnly    = "25006"
	codeNoTable     = "42P01"
	codeNoSchema    = "3F000"
	codeNoRight     = "42501"
)

// codeOf returns the code of an error of PostgreSQL, or an empty string.
func codeOf(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// lostRace reports whether a transaction failed because another transaction changed the
// same data. Nothing was changed. The same transaction can be run again.
func lostRace(err error) bool {
	switch codeOf(err) {
	case codeUnique, codeForeignKey, codeSerialize, codeDeadlock:
		return true
	}
	return errors.Is(err, errAgain)
}

// errAgain ends a transaction that must be run again, because it saw data that another
// transaction has changed meanwhile.
var errAgain = errors.New("another transaction was faster")

// fault turns an error of the database into an error of package db. It returns an error
// of package db, of the caller, or of ctx unchanged.
func (s *Store) fault(ctx context.Context, err error) error {
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case s.gate.isClosed():
		return db.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &pg):
		return s.sqlFault(pg)
	}
	return fmt.Errorf("%w: %s: %s", db.ErrDatabase, s.database(), oneLine(cause(err)))
}

func (s *Store) sqlFault(err *pgconn.PgError) error {
	kind := db.ErrDatabase
	switch err.Code {
	case codeLockTimeout:
		kind = db.ErrBusy
	case codeDiskFull:
		kind = db.ErrFull
	case codeReadOnly: // a standby, or a database whose operator has stopped writing
	case codeCanceled, codeDeadlock, codeSerialize, codeUnique, codeForeignKey:
		kind = db.ErrBusy
	default:
		switch err.Code[:2] {
		case "08", "28", "3D", "53", "57", "58", "XX": // connection, rights, resources, shutdown, system
		default:
			return fmt.Errorf("%s: %s (SQLSTATE %s)", s.database(), err.Message, err.Code) // a mistake in this package
		}
	}
	return fmt.Errorf("%w: %s: %s (SQLSTATE %s)", kind, s.database(), err.Message, err.Code)
}

// database names the database in errors.
func (s *Store) database() string { return "database " + s.place.server() }

// cause returns the part of an error that says what happened, without the addresses that
// the errors around it repeat.
func cause(err error) error {
	var (
		pg      *pgconn.PgError
		network *net.OpError
		lookup  *net.DNSError
		request *url.Error
	)
	switch {
	case errors.As(err, &pg):
		return fmt.Errorf("%s (SQLSTATE %s)", pg.Message, pg.Code)
	case errors.As(err, &lookup):
		return fmt.Errorf("no address for %s: %s", lookup.Name, lookup.Err)
	case errors.As(err, &network):
		return network.Err
	case errors.As(err, &request):
		return request.Err
	}
	return err
}

// oneLine returns the text of an error in one line.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
