package spool_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/patience"
	"github.com/weir-ci/weir/internal/worker/spool"
)

// superviseEnv makes the test's program a supervisor of the spool that it names.
const superviseEnv = "SPOOL_TEST_SUPERVISE"

// supervise writes numbered lines, and a byte to its output for each record.
// Then it waits to be killed.
func supervise(dir string) int {
	w, err := spool.Attach(dir, spool.Options{Flush: time.Microsecond, Notify: func() { fmt.Print(".") }})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	w.Step(weir.StepRecord{Index: 0, Name: "endless", State: weir.StepRunning})
	for i := range 1000 {
		if _, err := io.WriteString(w.Output(0), numbered(i)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	select {}
}

// numbered makes lines of which no two are equal, some of them long.
func numbered(i int) string {
	return fmt.Sprintf("%d %s\n", i, strings.Repeat(fmt.Sprint(i), 1+i%7*i%1000))
}

func TestKilled(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience.Limit) // which kills it, so that its output ends
	defer cancel()
	for _, records := range []int{1, 2, 5, 30, 100} {
		dir := create(t)
		cmd := exec.CommandContext(ctx, program)
		cmd.Env = append(os.Environ(), superviseEnv+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		r := open(t, dir)
		s := newServer(t)
		for range records {
			_, err := io.ReadFull(out, make([]byte, 1))
			must(t, err)
			_, err = s.sync(t, r)
			must(t, err)
		}
		if _, err := spool.Attach(dir, spool.Options{}); !r.Alive() || weir.CodeOf(err) != weir.Conflict {
			t.Errorf("while it runs: alive %v, attached %v", r.Alive(), err)
		}
		must(t, cmd.Process.Kill())
		_ = cmd.Wait()
		if r.Alive() {
			t.Error("alive when killed")
		}
		if err := s.drain(t, r); err != nil && weir.CodeOf(err) != weir.Internal {
			t.Errorf("the journal: %v", err)
		}
		if _, ok, _ := r.Report(); ok {
			t.Error("there is a report")
		}
		log := s.logs[0]
		for i := 0; len(log) > 0; i++ {
			line := []byte(numbered(i))
			if line = line[:min(len(line), len(log))]; !bytes.HasPrefix(log, line) {
				t.Fatalf("after %d records line %d is %.80q", records, i, log)
			}
			log = log[len(line):]
		}
		must(t, r.Remove())
	}
}
