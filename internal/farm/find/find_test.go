package find

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/farm/standing"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlite"
	"github.com/weir-ci/weir/internal/store/storetest"
)

// culprit is the commit that broke mill.
const culprit = "4f2a91c3d05be7aa4f2a91c3d05be7aa4f2a91c3"

// filled is a reader over a store with a project mill of 3 builds and 60 tests, a
// commit of brook, a regression by it, and two workers.
func filled(t *testing.T) *Reader {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "weir.db"))
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(err)
	t.Cleanup(func() { ok(db.Close()) })
	ok(db.Migrate(t.Context()))
	past := storetest.FillPast(t, db, 3, 60)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	commit := weir.Revision{ID: culprit, Author: "Ada Wells <ada@example.org>", Time: now, Message: "upper: fold 100% of sharp_s\n\nmore"}
	other := weir.Revision{ID: "4f2a91c3d0" + strings.Repeat("0", 30), Author: "Bo", Time: now, Message: "lower: keep tabs"}
	_, _, err = db.RecordRevisions(t.Context(), store.Poll{Project: "brook", Branch: "main", Revisions: []weir.Revision{other, commit}, Now: now, Next: now})
	ok(err)
	for _, name := range []string{"heron", "heron-2", "otter"} {
		_, _, err = db.Hello(t.Context(), weir.Worker{Name: name, Platform: "linux/arm64", Labels: []string{"docker"}, Slots: 1, Seen: now}, nil)
		ok(err)
	}
	_, ids, err := db.CreateRun(t.Context(), store.NewRun{Cause: weir.CauseForce, Project: "mill", Reason: "somebody asked", Now: now,
		Builds: []store.NewBuild{{Builder: past.Builder.ID, Pins: weir.Pins{"mill": "x"}, Share: store.ShareNone}}})
	ok(err)
	ok(db.Cancel(t.Context(), ids[0], weir.Reason{}, now))
	_, err = db.Ask(t.Context(), weir.Regression{State: weir.Searching, Builder: past.Builder, Opened: now, Updated: now, Path: []weir.Leg{{Project: "brook", Branch: "main", From: 1, To: 2}},
		Good: weir.Evidence{Build: 1, Pins: weir.Pins{"mill": "x"}}, Bad: weir.Evidence{Build: 2, Pins: weir.Pins{"mill": "x"}}, Suspects: weir.Span{First: 1, Last: 1}, Aim: weir.AimFix,
		Victims: []weir.Victim{{Builder: past.Builder, Test: weir.TestID{Suite: "mill.text", Name: "test_fold_999"}, Verdict: weir.NewlyFailing, Build: 2}}})
	ok(err)
	w := recent.New(db)
	return New(db, w, standing.NewLister(w), recent.NewEpisodes(db))
}

func TestFind(t *testing.T) {
	t.Parallel()
	r := filled(t)
	for _, c := range []struct{ text, want string }{
		{"", "|"},
		{"  \n ", "|"},
		{"1", "build 1|build: build 1; regression: regression 1; run: run 1"},
		{"#2", "build 2|build: build 2; run: run 2"},
		{"build 2", "build 2|build: build 2"},
		{"RUN  #1", "run 1|run: run 1"},
		{"regression 1", "regression 1|regression: regression 1"},
		{"builder 1", "mill/test main linux/amd64|builder: mill/test main linux/amd64"},
		{"builder 99", "|"},
		{"999999", "|"},
		{"-1", "|"},
		{"mill", "mill|project: mill; builder: mill/test main linux/amd64; test: 9"},
		{"mil", "|project: mill; builder: mill/test main linux/amd64; test: 9"},
		{"heron", "heron|worker: heron heron-2"},
		{"docker", "|worker: heron heron-2 otter"},
		{"4f2a91c3d05", "brook 4f2a91c3d0|commit: brook 4f2a91c3d0"},
		{"4F2A91C", "|commit: brook 4f2a91c3d0 brook 4f2a91c3d0"},
		{"keep tabs", "|commit: brook 4f2a91c3d0"},
		{"100%", "|commit: brook 4f2a91c3d0"},
		{"%", "|commit: brook 4f2a91c3d0"},
		{"sharp_s", "|commit: brook 4f2a91c3d0"},
		{"sharpys", "|"},
		{"ada wells", "|commit: brook 4f2a91c3d0"},
		{"fold_000007", "|test: mill.text.test_000.CaseFoldingTests test_fold_000007"},
		{"\x00\xff'; DROP TABLE builds; --", "|"},
		{strings.Repeat("é", 5000), "|"},
		{strings.Repeat("zz ", 5000), "|"},
	} {
		got, err := r.Find(t.Context(), c.text, 0)
		if err != nil {
			t.Errorf("%.40q: %v", c.text, err)
			continue
		}
		if text := foundText(got); text != c.want {
			t.Errorf("%.40q: %s\nwant %s", c.text, text, c.want)
		}
	}
	some, err := r.Find(t.Context(), "test_fold", 1<<40)
	if err != nil || len(some.Groups) == 0 || len(some.Groups[len(some.Groups)-1].Hits) != MaxHits || !some.Groups[len(some.Groups)-1].More {
		t.Errorf("of many: %+v, %v", some, err)
	}
}

func foundText(f Found) string {
	text := ""
	if f.Exact != nil {
		text = f.Exact.Name
	}
	text += "|"
	for i, g := range f.Groups {
		if i > 0 {
			text += "; "
		}
		text += string(g.Kind) + ":"
		if g.More {
			text += " 9"
			continue
		}
		for _, h := range g.Hits {
			text += " " + h.Name
		}
	}
	return text
}
