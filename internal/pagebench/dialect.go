package pagebench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver with which rows are copied
)

// dialect is what differs between databases for who copies rows.
type dialect struct {
	driver, dsn string
	// columns asks for the names of the columns of table $1.
	columns string
	// padded is an expression of a number, or of a text, that is that long, with
	// zeros before it; hex is one of a number in digits to the base 16.
	padded func(expression string, length int) string
	hex    func(expression string) string
	after  []string // statements for when rows were copied
	// version asks for what the database is called, and its version.
	version string
}

func (f *Farm) dialect() dialect {
	if f.Database == "" {
		return dialect{
			driver: "sqlite", dsn: "file:" + filepath.Join(f.Dir, "data", "weir.db") + "?_pragma=synchronous(OFF)&_pragma=cache_size(-131072)&_pragma=foreign_keys(1)",
			version: `SELECT 'SQLite ' || sqlite_version()`,
			columns: `SELECT name FROM pragma_table_info($1) ORDER BY cid`,
			padded:  func(e string, n int) string { return fmt.Sprintf(`substr('%0*d' || (%s), -%[1]d)`, n, 0, e) },
			hex:     func(e string) string { return `printf('%x', ` + e + `)` },
		}
	}
	d := dialect{
		driver: "pgx", dsn: f.Database,
		version: `SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1)`,
		columns: `SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position`,
		padded:  func(e string, n int) string { return fmt.Sprintf(`lpad(CAST(%s AS TEXT), %d, '0')`, e, n) },
		hex:     func(e string) string { return `to_hex(` + e + `)` },
	}
	for _, table := range []string{"runs", "builds"} { // their ids were copied
		d.after = append(d.after, fmt.Sprintf(`SELECT setval(pg_get_serial_sequence('%s', 'id'), (SELECT MAX(id) FROM %[1]s))`, table))
	}
	return d
}

// tidy does at once what the database does by itself within minutes.
func (f *Farm) tidy(ctx context.Context) (err error) {
	if f.Database == "" {
		return nil
	}
	db, err := sql.Open("pgx", f.Database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, `VACUUM ANALYZE`)
	return err
}

// Version names the database, and says which version of it this is.
func (f *Farm) Version(ctx context.Context) (version string, err error) {
	d := f.dialect()
	db, err := sql.Open(d.driver, d.dsn)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.QueryRowContext(ctx, d.version).Scan(&version)
	return version, err
}
