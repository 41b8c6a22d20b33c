package process_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/weir-ci/weir/internal/bench/process"
)

// TestProcess looks at a process of our own and at what it starts.
func TestProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := process.Start(process.Command{Dir: dir, Log: filepath.Join(dir, "log"), Args: []string{"/bin/sh", "-c", "sleep 60 & wait"}})
	if err != nil {
		t.Fatal(err)
	}
	for p.Alive() == nil && len(p.Tree()) < 2 {
		runtime.Gosched()
	}
	if m := p.Memory(); m.RSS == 0 || m.Peak < m.RSS || m.PSS == 0 || m.PSS > m.RSS {
		t.Errorf("memory %+v", m)
	}
	for pid := range p.Tree() {
		if child, err := os.FindProcess(pid); err == nil {
			_ = child.Kill()
		}
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if p.Alive() == nil {
		t.Error("it has ended and is alive")
	}
}
