package sqlite

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/storetest"
)

// Every version of the schema that was ever released leaves a database in
// testdata. To leave one of the present version:
//
//	go test ./internal/store/sqlite ./internal/store/postgres -run TestLeave -leave
var leave = flag.Bool("leave", false, "leave a database of the present schema in testdata")

func TestLeave(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "weir.db")
	s := openTest(t, path)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	storetest.Populate(t, s)
	reading := storetest.Reading(t, s)
	copied := filepath.Join(t.TempDir(), "copy.db")
	if _, err := s.writer.ExecContext(t.Context(), `VACUUM INTO $1`, copied); err != nil {
		t.Fatal(err)
	}
	if !*leave {
		storetest.Upgraded(t, openTest(t, copied), reading)
		return
	}
	data, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("testdata", fmt.Sprintf("v%d", s.schema.Newest()))
	if err := os.WriteFile(name+".db.gz", packed.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name+".json", reading, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestUpgrade carries the databases of all earlier versions to head.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/v*.db.gz")
	if err != nil || len(names) == 0 {
		t.Fatalf("no databases of earlier versions: %v", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			before, err := os.ReadFile(strings.TrimSuffix(name, ".db.gz") + ".json")
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "weir.db")
			unpack(t, name, path)
			s := openTest(t, path)
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			storetest.Upgraded(t, s, before)
		})
	}
}

// TestUpgradeAbsent: tests that were absent before masks were kept have not
// run since they became so, and the verdicts of old changes get their order.
func TestUpgradeAbsent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "weir.db")
	unpack(t, "testdata/v5.db.gz", path)
	s := openTest(t, path)
	for _, q := range []string{
		`INSERT INTO test_states (builder_id, suite, name, status, since, flakes, last_flake) VALUES (1, 's', 'gone', 'absent', 1, 0, 0),
			(1, 's', 'lost', 'absent', 1, 0, 0), (1, 's', 'skipped', 'skip', 1, 0, 0)`,
		`INSERT INTO test_changes (build_id, suite, name, builder_id, badness, verdict, from_status, to_status, cause, message)
			VALUES (1, 's', 'gone', 1, 1, 'vanished', 'pass', 'absent', 'panic', ''), (1, 's', 'a', 1, 5, 'new', '', 'pass', '', ''),
			(1, 's', 'z', 1, 7, 'masked', 'fail', 'absent', '', '')`} {
		if _, err := s.writer.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	absent, all, err := s.Absent(t.Context(), 1, 0)
	if err != nil || all != 2 || absent[0].Test.Name != "lost" || absent[1].Masked != 1 || absent[1].Cause != weir.Panicked {
		t.Errorf("absent are %d, %+v, %v", all, absent, err)
	}
	changes, err := s.BuildChanges(t.Context(), 1, 0, 0)
	order := ""
	for _, c := range changes {
		order += " " + string(c.Verdict)
	}
	if err != nil || order != " vanished masked new" {
		t.Errorf("changes are%s, %v", order, err)
	}
}

func unpack(t *testing.T, from, to string) {
	t.Helper()
	file, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestUpgradeNumbers: settled builds from before they were counted have their
// numbers, and the next one goes on.
func TestUpgradeNumbers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "weir.db")
	unpack(t, "testdata/v7.db.gz", path)
	s := openTest(t, path)
	var settled, builders int
	if err := s.writer.QueryRowContext(t.Context(), `SELECT COUNT(*), COUNT(DISTINCT builder_id) FROM builds WHERE advances = 1 AND judgement = 'settled'`).
		Scan(&settled, &builders); err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var numbered, ones, last int
	if err := s.writer.QueryRowContext(t.Context(), `SELECT COUNT(*), SUM(number = 1), MAX(number) FROM builds WHERE number > 0`).Scan(&numbered, &ones, &last); err != nil {
		t.Fatal(err)
	}
	if settled < 2 || numbered != settled || ones != builders || last < 2 {
		t.Errorf("%d settled builds of %d builders: %d have numbers, %d have the first, the last is %d", settled, builders, numbered, ones, last)
	}
}

// TestUpgradeFlaky: flakes that were kept as changes only have runs now.
func TestUpgradeFlaky(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "weir.db")
	unpack(t, "testdata/v9.db.gz", path)
	s := openTest(t, path)
	for _, q := range []string{
		`INSERT INTO test_states (builder_id, suite, name, status, since, flakes, last_flake) VALUES (1, 's', 'flaky', 'pass', 1, 1, 2)`,
		`INSERT INTO test_changes (build_id, suite, name, builder_id, badness, verdict, from_status, to_status, cause, message)
			VALUES (2, 's', 'flaky', 1, 5, 'flaky', 'pass', 'fail', '', ''), (1, 's', 'steady', 1, 8, 'new', '', 'pass', '', '')`,
		`UPDATE builds SET retry_of = 2, pins_key = (SELECT b.pins_key FROM builds b WHERE b.id = 2) WHERE id = 3`} {
		if _, err := s.writer.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	tests, _, err := s.FlakyTests(t.Context(), store.FlakyFilter{Test: weir.TestID{Suite: "s", Name: "flaky"}})
	if err != nil || len(tests) != 1 || len(tests[0].Runs) != 2 {
		t.Fatalf("flaky are %+v, %v", tests, err)
	}
	bad, good := tests[0].Runs[0], tests[0].Runs[1]
	if bad.Build != 2 || !bad.Bad || good.Build != 3 || good.Bad || bad.Inputs != good.Inputs || bad.Number != 2 || good.Number != 2 || good.At.IsZero() {
		t.Errorf("runs are %+v", tests[0].Runs)
	}
}
