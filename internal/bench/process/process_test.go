package process_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weir-ci/weir/internal/bench/process"
)

// TestProcess looks at a process of our own and at what it starts.
func TestProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// The child says that it is there, and then stands still: what it holds is the same
	// from one look to the next.
	log := filepath.Join(dir, "log")
	p, err := process.Start(process.Command{Dir: dir, Log: log, Args: []string{"/bin/sh", "-c", `sh -c 'echo up; kill -STOP $$' & wait`}})
	if err != nil {
		t.Fatal(err)
	}
	look, late := time.NewTicker(10*time.Millisecond), time.NewTimer(3*time.Minute)
	defer look.Stop()
	defer late.Stop()
	for text := ""; text != "up\n" || len(p.Tree()) != 2; {
		select {
		case <-look.C:
		case <-late.C:
			t.Fatalf("it says %q, and is %v", text, p.Tree())
		}
		data, err := os.ReadFile(log)
		if text = string(data); err != nil || p.Alive() != nil {
			t.Fatal(err, p.Alive())
		}
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
