package chaos

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// files lists what lies in a directory, at any depth, but no directories.
func files(dir string) []string {
	var out []string
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, name)
		}
		return nil
	})
	return out
}

// workFiles lists what is left of attempts in a worker's directory. Its locks
// and caches stay.
func workFiles(dir string) []string {
	var out []string
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || name == dir:
		case d.IsDir() && slices.Contains([]string{"cache", "sources"}, d.Name()):
			return fs.SkipDir
		case !d.IsDir() && filepath.Dir(name) == dir: // locks and what it knows of itself
		case d.IsDir() && filepath.Dir(name) == dir: // places, which may be empty
		default:
			out = append(out, name)
			if d.IsDir() {
				return fs.SkipDir
			}
		}
		return nil
	})
	return out
}

// age makes all files of a directory old, so that whoever cleans up what a
// crash has left need not wait.
func age(dir string) {
	old := time.Now().Add(-48 * time.Hour)
	for _, name := range files(dir) {
		_ = os.Chtimes(name, old, old)
	}
}

// unfinished lists blobs that are not whole.
func unfinished(dir string) []string {
	return slices.DeleteFunc(files(dir), func(name string) bool {
		return !strings.HasSuffix(name, ".tmp") && !strings.HasPrefix(filepath.Base(name), ".")
	})
}

// memory is what servers use.
type memory struct {
	mu    sync.Mutex
	lives map[int][]int64 // by process, in bytes, one every samplePause
}

// Bounds on a server's memory. They are generous: the Go runtime takes what it gets.
const (
	samplePause = 250 * ms
	memoryLimit = 500 << 20
	// longLife is how many samples a server must have lived to be asked
	// whether it grows: by less than growthLimit from its second quarter to its last.
	longLife    = 80
	growthLimit = 100 << 20
)

// sample looks at the servers until ctx ends.
func (m *memory) sample(servers []*node) func(context.Context) {
	m.lives = map[int][]int64{}
	return func(ctx context.Context) {
		for pause(ctx, samplePause) {
			for _, n := range servers {
				pid := n.pid()
				if size := resident(pid); size > 0 {
					m.mu.Lock()
					m.lives[pid] = append(m.lives[pid], size)
					m.mu.Unlock()
				}
			}
		}
	}
}

func (m *memory) most() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var most int64
	for _, life := range m.lives {
		most = max(most, slices.Max(life))
	}
	return most
}

func (m *memory) problems() []string {
	var out []string
	if most := m.most(); most > memoryLimit {
		out = append(out, fmt.Sprintf("a server used %d MiB of memory", most>>20))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for pid, life := range m.lives {
		if n := len(life); n >= longLife {
			early, late := slices.Max(life[n/4:n/2]), slices.Min(life[n*3/4:])
			if late > early+growthLimit {
				out = append(out, fmt.Sprintf("server process %d grew from %d to %d MiB", pid, early>>20, late>>20))
			}
		}
	}
	return out
}
