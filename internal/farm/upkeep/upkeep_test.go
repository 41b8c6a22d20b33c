package upkeep

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/weir-ci/weir/internal/farm/audit"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlite"
)

func TestRead(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "weir.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	acts := audit.New(audit.Options{Store: db, Now: clock})
	r := New(Options{Store: db, Audit: acts, Version: "1.2.3", Now: clock, Setup: func() setup.Status { return setup.Status{Version: "abc", Errors: 2} }})
	now = now.Add(time.Hour)
	for range 2 * maxActs {
		acts.Record(t.Context(), audit.Act{Who: "ann", Via: audit.ViaPage, Verb: "cancel", On: "build 41"})
	}
	if _, err := acts.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.RecordConfig(t.Context(), store.Config{Version: "abc", Since: now, By: "start"}); err != nil {
		t.Fatal(err)
	}
	s, err := r.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Server.Version != "1.2.3" || now.Sub(s.Server.Started) != time.Hour || s.Config.Errors != 2 || len(s.Versions) != 1 || s.Database.Bytes == 0 || len(s.Acts) != maxActs {
		t.Errorf("the state is %+v", s)
	}
	var audited, forever bool
	for _, e := range s.Retention {
		audited = audited || e.What == "the audit" && e.Last.Equal(now) && !e.Failed && e.Seconds == int64(audit.Age/time.Second)
		forever = forever || e.Seconds == 0
	}
	if !audited || !forever {
		t.Errorf("what expires: %+v", s.Retention)
	}
	size := s.Database.Bytes
	r.sizes.Bytes = size + 1
	if s, err := r.Read(t.Context()); err != nil || s.Database.Bytes != size+1 {
		t.Errorf("within a minute it is counted again: %v", err)
	}
	now = now.Add(sizesTime)
	if s, err := r.Read(t.Context()); err != nil || s.Database.Bytes == size+1 {
		t.Errorf("after a minute it is not: %v", err)
	}
}
