package chaos

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
)

// job is what one job of the load does.
type job struct {
	name  string
	share int // how many of a hundred builds
	steps []loadStep
	fails bool // its last step ends with an error
}

// loadStep prints lines, and rests while it does.
type loadStep struct {
	name  string
	lines int
	rests int // of a fifth of a second each, spread over the lines
}

// outcome is how a build of the job has to end.
func (j job) outcome() (weir.Outcome, weir.ReasonCode) {
	if j.fails {
		return weir.Failed, weir.ReasonStep
	}
	return weir.Passed, weir.ReasonNone
}

// jobs are what the farm has to do.
func jobs() []job {
	return []job{
		{name: "one", share: 35, steps: []loadStep{{"say", 1, 0}}},
		{name: "few", share: 20, steps: []loadStep{{"first", 7, 0}, {"second", 40, 1}}},
		{name: "slow", share: 25, steps: []loadStep{{"walk", 120, 6}, {"rest", 30, 3}}},
		{name: "big", share: 5, steps: []loadStep{{"shout", 50_000, 2}}},
		{name: "bad", share: 15, steps: []loadStep{{"try", 25, 1}, {"break", 3, 0}}, fails: true},
	}
}

func findJob(name string) (job, bool) {
	for _, j := range jobs() {
		if j.name == name {
			return j, true
		}
	}
	return job{}, false
}

// script is what every step runs. It writes nothing to the worker's disk,
// because a full one must be the farm's trouble, not the step's.
//
// Each run of a step makes up a name for itself, says in the marks' file when
// it begins and when it is done, and has the name in every line.
const script = `#!/bin/sh
# step.sh STEP LINES RESTS EXIT
run=$WEIR_BUILD-$1-$$-$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
echo "begin $WEIR_BUILD $1 $run" >>"$CHAOS_MARKS"
awk -v build="$WEIR_BUILD" -v step="$1" -v run="$run" -v lines="$2" -v rests="$3" 'BEGIN {
	pad = "` + padding + `"
	for (i = 1; i <= lines; i++) {
		print build, step, run, i, substr(pad, 1, i * 7919 % 61)
		if (rests > 0 && (i * rests) % lines < rests) {
			fflush()
			system("sleep 0.2")
		}
	}
}'
echo "end $WEIR_BUILD $1 $run" >>"$CHAOS_MARKS"
exit "$4"
`

const padding = "the quick brown fox jumps over the lazy dog, again and again."

// line is what a step prints.
func line(build, step, run string, n int) string {
	return build + " " + step + " " + run + " " + strconv.Itoa(n) + " " + padding[:n*7919%61]
}

// jobsYAML renders the jobs for a farm file.
func jobsYAML(dir string) string {
	var b strings.Builder
	for _, j := range jobs() {
		fmt.Fprintf(&b, "      %s:\n        env: {CHAOS_MARKS: %s}\n        steps:\n", j.name, filepath.Join(dir, "marks"))
		for i, s := range j.steps {
			exit := 0
			if j.fails && i == len(j.steps)-1 {
				exit = 3
			}
			fmt.Fprintf(&b, "          - {name: %s, run: exec sh %s %s %d %d %d}\n",
				s.name, filepath.Join(dir, "step.sh"), s.name, s.lines, s.rests, exit)
		}
	}
	return b.String()
}

// Run is one time that a step was run, as its marks tell.
type Run struct {
	Build, Step, Name string
	Begun, Done       int // how often it said so
}

// readMarks reads what steps wrote outside of the farm.
func readMarks(file string) (map[string]*Run, error) {
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	runs := map[string]*Run{}
	for text := range strings.Lines(string(data)) {
		f := strings.Fields(text)
		if len(f) != 4 || f[0] != "begin" && f[0] != "end" {
			return nil, fmt.Errorf("the marks hold %q", text)
		}
		r := runs[f[3]]
		if r == nil {
			r = &Run{Build: f[1], Step: f[2], Name: f[3]}
			runs[f[3]] = r
		}
		if f[0] == "begin" {
			r.Begun++
		} else {
			r.Done++
		}
	}
	return runs, nil
}

// Log is what is recorded of a step's output.
type Log struct {
	Run   string // the name in its lines; empty if there is no whole line
	Lines int    // whole ones that are right
	Wrong string // the first thing that is not as it was printed
	Cut   bool   // it ends within a line
}

// readLog holds a log against what the step printed.
func readLog(r io.Reader, build weir.BuildID, step string) (Log, error) {
	var l Log
	in := bufio.NewReaderSize(r, 64<<10)
	id := strconv.FormatInt(int64(build), 10)
	for {
		text, err := in.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return l, err
		}
		if len(text) == 0 {
			return l, nil
		}
		whole := err == nil
		text = bytes.TrimSuffix(text, []byte("\n"))
		f := strings.SplitN(string(text), " ", 4)
		if l.Run == "" && len(f) == 4 {
			l.Run = f[2]
		}
		want := line(id, step, l.Run, l.Lines+1)
		switch {
		case !whole:
			l.Cut = true
			if l.Run != "" && !strings.HasPrefix(want, string(text)) {
				l.Wrong = fmt.Sprintf("behind line %d it ends with %.120q", l.Lines, text)
			}
			return l, nil
		case string(text) != want:
			l.Wrong = fmt.Sprintf("line %d is %.120q, printed was %.120q", l.Lines+1, text, want)
			return l, nil
		}
		l.Lines++
	}
}
