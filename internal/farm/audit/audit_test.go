package audit

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// memory is a store.Audit that forgets nothing, or fails.
type memory struct {
	mu    sync.Mutex
	acts  []Act
	err   error
	steps []int // how many were removed at once
}

func (m *memory) RecordAct(ctx context.Context, a store.Act) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil && ctx.Err() == nil {
		a.ID = int64(len(m.acts) + 1)
		m.acts = append(m.acts, a)
	}
	return m.err
}

func (m *memory) Acts(context.Context, store.ActFilter) ([]store.Act, error) { return m.acts, m.err }

func (m *memory) PruneActs(_ context.Context, before time.Time, limit int) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	m.acts = slices.DeleteFunc(m.acts, func(a Act) bool {
		old := a.At.Before(before) && n < limit
		if old {
			n++
		}
		return old
	})
	m.steps = append(m.steps, n)
	return n, m.err
}

func TestRecord(t *testing.T) {
	t.Parallel()
	m := &memory{}
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	r := New(Options{Store: m, Now: func() time.Time { return now }})
	gone, cancel := context.WithCancel(t.Context())
	cancel() // whoever asked has closed the browser
	r.Record(gone, Act{Who: "ann\x1b[31m\n", Via: ViaPage, From: "192.0.2.7", Verb: "cancel", On: "build 41", Note: strings.Repeat("é", 300) + "\u202e"})
	r.Record(gone, Act{Who: "ann", From: "192.0.2.7:1234?token=secret", Verb: "cancel"})
	if len(m.acts) != 2 {
		t.Fatalf("recorded are %+v", m.acts)
	}
	a := m.acts[0]
	if a.Who != "ann\ufffd[31m" || a.From != "192.0.2.7" || !a.At.Equal(now) || len(a.Note) > maxNote || !utf8.ValidString(a.Note) || !strings.HasSuffix(a.Note, "é…") {
		t.Errorf("recorded is %+v", a)
	}
	if m.acts[1].From != "" {
		t.Errorf("what is no address is recorded as one: %q", m.acts[1].From)
	}
	var none *Recorder
	none.Record(gone, Act{})
	if _, err := none.Acts(gone, Filter{}); weir.CodeOf(err) != weir.Unsupported {
		t.Errorf("no recorder has %v", err)
	}
}

// TestNothingIsLost records where that is not possible: the act is in the log then.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := New(Options{Store: &memory{err: weir.Errorf(weir.Exhausted, "the disk is full")}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	r.Record(t.Context(), Act{Who: "ann", Via: ViaAPI, From: "192.0.2.7", Verb: "force", On: "project mill", Note: "why not"})
	for _, want := range []string{"who=ann", "from=192.0.2.7", "verb=force", `on="project mill"`, `note="why not"`, "the disk is full"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s: %s", want, log.String())
		}
	}
}

// TestStrangersCannotFillIt refuses a thousand requests of nobody in a minute.
func TestStrangersCannotFillIt(t *testing.T) {
	t.Parallel()
	m := &memory{}
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	r := New(Options{Store: m, Now: func() time.Time { return now }})
	for range 1000 {
		r.Record(t.Context(), Act{Verb: "force", Code: "unauthenticated"})
	}
	r.Record(t.Context(), Act{Who: "ann", Verb: "force", Code: "conflict"})
	if len(m.acts) != strangers+1 {
		t.Errorf("%d are recorded", len(m.acts))
	}
	now = now.Add(strangeTime)
	r.Record(t.Context(), Act{Verb: "force", Code: "unauthenticated"})
	if last := m.acts[len(m.acts)-1]; last.Note != "940 more were refused before this one." {
		t.Errorf("then recorded is %+v", last)
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		for range 2 * pruneStep {
			m.acts = append(m.acts, Act{At: time.Now().Add(-Age - time.Second)})
		}
		m.acts = append(m.acts, Act{At: time.Now().Add(-Age + 90*time.Minute)}, Act{At: time.Now()})
		r := New(Options{Store: m})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		<-time.After(time.Second) // of the bubble's clock
		synctest.Wait()
		m.mu.Lock()
		left, steps := len(m.acts), slices.Clone(m.steps)
		m.mu.Unlock()
		if left != 2 || !slices.Equal(steps, []int{pruneStep, pruneStep, 0}) || r.Pruned().Removed != 2*pruneStep {
			t.Errorf("left are %d, in steps of %v, %+v", left, steps, r.Pruned())
		}
		<-time.After(2 * pruneEvery)
		synctest.Wait()
		m.mu.Lock()
		left = len(m.acts)
		m.mu.Unlock()
		if left != 1 {
			t.Errorf("two hours later left are %d", left)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestSubject(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"/builds/41/cancel": "build 41", "/api/v1/builds/41/cancel": "build 41", "/projects/mill/force": "project mill",
		"/api/v1/workers/heron": "worker heron", "/pulls/3": "pull 3", "/admin/tokens/ann.web-x/revoke": "token ann.web-x", "/api/v1/reload": "", "/": "", "": "",
		"/builds/": "", "/tests/x": "", "/projects/a%20b%0a%2fc": "project a b /c", "/projects/%zz": "", "/signout": ""} {
		if got := Subject(path); got != want {
			t.Errorf("%s is about %q, want %q", path, got, want)
		}
	}
}

// A token that is for something else, or has expired, fills no database.
func TestNamedRefusalsAreLimited(t *testing.T) {
	t.Parallel()
	acts := &memory{}
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	r := New(Options{Store: acts, Now: func() time.Time { return now }})
	for range 1000 {
		r.Record(t.Context(), Act{Who: "heron", Via: ViaAPI, Verb: "reload", Code: string(weir.Forbidden)})
	}
	r.Record(t.Context(), Act{Via: ViaAPI, Verb: "reload", Code: string(weir.Unauthenticated)})
	r.Record(t.Context(), Act{Who: "ann", Via: ViaPage, Verb: "cancel", Code: string(weir.Conflict)})
	list, err := acts.acts, acts.err
	if err != nil || len(list) != 62 {
		t.Errorf("%d acts are recorded (%v), want 62", len(list), err)
	}
}
