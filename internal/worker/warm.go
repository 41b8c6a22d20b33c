package worker

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/cache"
)

const (
	// warmFor is how long after its last build a project counts as one whose
	// mirror is here.
	warmFor = 30 * 24 * time.Hour
	// warmAge is how old the list may be that a lease shows: it only makes the
	// server choose well.
	warmAge = 10 * time.Second
)

// warmth knows what lies ready on this worker.
type warmth struct {
	dir string // an empty file for each project; its time is that of the last build

	mu   sync.Mutex
	list []string
	at   time.Time
}

// built notes that a project's source was checked out here.
func (w *warmth) built(project string) {
	if !weir.ValidName(project) {
		return
	}
	name, now := filepath.Join(w.dir, project), time.Now()
	if os.Chtimes(name, now, now) == nil {
		return
	}
	// Whatever goes wrong, the server only chooses less well.
	if os.MkdirAll(w.dir, 0o700) == nil {
		_ = os.WriteFile(name, nil, 0o600)
	}
	w.mu.Lock()
	w.at = time.Time{}
	w.mu.Unlock()
}

// projects lists those whose mirrors are here, the newest first.
func (w *warmth) projects() []string {
	entries, _ := os.ReadDir(w.dir)
	type project struct {
		name string
		last time.Time
	}
	var all []project
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !weir.ValidName(e.Name()) {
			continue
		}
		if time.Since(info.ModTime()) > warmFor {
			_ = os.Remove(filepath.Join(w.dir, e.Name()))
			continue
		}
		all = append(all, project{e.Name(), info.ModTime()})
	}
	slices.SortStableFunc(all, func(a, b project) int { return b.last.Compare(a.last) })
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = p.name
	}
	return names
}

// warm lists what a lease says of the worker: half of it products at most.
func (w *Worker) warm() []string {
	w.warmth.mu.Lock()
	defer w.warmth.mu.Unlock()
	if time.Since(w.warmth.at) < warmAge {
		return w.warmth.list
	}
	var list []string
	for _, d := range w.opts.Runner.Products.Digests(protocol.MaxWarm / 2) {
		list = append(list, string(d))
	}
	names := append(w.warmth.projects(), cache.Store{Root: cache.Root(w.opts.Runner.CacheDir)}.Projects()...)
	for _, name := range names {
		if len(list) < protocol.MaxWarm && !slices.Contains(list, name) && !strings.ContainsAny(name, "\x00\n") {
			list = append(list, name)
		}
	}
	w.warmth.list, w.warmth.at = list, time.Now()
	return list
}
