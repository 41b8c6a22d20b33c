package postgres_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // goose wants a database/sql driver
	"github.com/pressly/goose/v3"

	"github.com/weir-ci/weir/internal/store/pgtest"
	"github.com/weir-ci/weir/internal/store/storetest"
)

// Every version of the schema that was ever released leaves its rows in
// testdata. To leave those of the present version:
//
//	go test ./internal/store/sqlite ./internal/store/postgres -run TestLeave -leave
var leave = flag.Bool("leave", false, "leave the rows of the present schema in testdata")

func TestLeave(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	s := openTest(t, dsn)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	storetest.Populate(t, s)
	reading := storetest.Reading(t, s)
	rows, version := dump(t, dsn)
	if !*leave {
		storetest.Upgraded(t, s, reading)
		return
	}
	name := filepath.Join("testdata", fmt.Sprintf("v%d", version))
	if err := os.WriteFile(name+".sql", []byte(rows), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name+".json", reading, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestUpgrade carries the rows of all earlier versions to head.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/v*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("no rows of earlier versions: %v", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			var version int64
			if _, err := fmt.Sscanf(filepath.Base(name), "v%d.sql", &version); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(strings.TrimSuffix(name, ".sql") + ".json")
			if err != nil {
				t.Fatal(err)
			}
			rows, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			dsn := pgtest.DSN(t)
			restore(t, dsn, version, string(rows))
			s := openTest(t, dsn)
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			storetest.Upgraded(t, s, before)
		})
	}
}

// dump renders all rows as statements, and tells the version of the schema.
func dump(t *testing.T, dsn string) (rows string, version int64) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	lines := []string{"SET session_replication_role = replica;"} // rows may come in any order
	queries := column(t, conn, `SELECT format('SELECT format(%L, %s) FROM %I ORDER BY 1',
			'INSERT INTO ' || quote_ident(table_name) || ' (' || string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)
				|| ') VALUES (' || string_agg('%L', ', ' ORDER BY ordinal_position) || ');',
			string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position), table_name)
		FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'goose%'
		GROUP BY table_name ORDER BY table_name`)
	for _, q := range queries {
		lines = append(lines, column(t, conn, q)...)
	}
	lines = append(lines, column(t, conn, `SELECT format('SELECT setval(%L, %s);', sequencename, last_value) FROM pg_sequences
		WHERE schemaname = 'public' AND last_value IS NOT NULL AND sequencename NOT LIKE 'goose%' ORDER BY sequencename`)...)
	if err := conn.QueryRow(t.Context(), `SELECT MAX(version_id) FROM goose_db_version`).Scan(&version); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n") + "\n", version
}

func column(t *testing.T, conn *pgx.Conn, query string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return texts
}

// restore makes the schema of a version and puts rows into it.
func restore(t *testing.T, dsn string, version int64, rows string) {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	p, err := goose.NewProvider(goose.DialectPostgres, db, os.DirFS("migrations"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.PgConn().Exec(t.Context(), rows).ReadAll(); err != nil {
		t.Fatal(err)
	}
}
