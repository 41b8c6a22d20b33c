package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/weir-ci/weir/internal/bench/process"
)

// config is a farm with one project for each job.
func (w *Weir) config() string {
	var s strings.Builder
	fmt.Fprintf(&s, "farm: {name: bench}\nlisten: 127.0.0.1:%d\ndata: %s\n", w.port, filepath.Join(w.Dir, "data"))
	if w.postgres != nil {
		fmt.Fprintf(&s, "database: %q\n", w.postgres.dsn(w.database))
	}
	s.WriteString("projects:\n")
	for _, job := range w.Jobs {
		source, extra := "none", ""
		if job.pushed() {
			source = fmt.Sprintf("{git: %q, branch: main, poll: 1s}", w.repository())
		}
		if job == JobJUnit {
			extra = "        results: [{junit: junit.xml}]\n"
		}
		fmt.Fprintf(&s, "  %q:\n    source: %s\n    jobs:\n      run:\n        steps: [%q]\n%s", job, source, w.step(job), extra)
	}
	for i := range w.Projects {
		fmt.Fprintf(&s, "  %s:\n    source: none\n    jobs:\n      run:\n        steps: [\"true\"]\n", projectName(i))
	}
	return s.String()
}

// step is what a job runs. A farm builds every project once when it is new;
// what takes long does nothing then (see settle).
func (w *Weir) step(job Job) string {
	stamp := "date +%s%N >>" + w.files.path("stamp")
	asked := "[ -e " + w.files.path("on") + " ] || exit 0; "
	switch job {
	case JobStamp, JobPush:
		return stamp
	case JobDrip:
		// Not before somebody looks.
		return asked + "while [ ! -e " + w.files.path("looked") + " ]; do sleep 0.05; done; " + fmt.Sprintf("i=0; while [ $i -lt %d ]; do i=$((i+1)); date +%%s%%N; sleep 0.1; done", w.Drips)
	case JobLog:
		return asked + "cat " + w.files.path("log")
	case JobJUnit:
		return "cp " + w.files.path("junit.xml") + " . && " + stamp
	}
	return "true"
}

// pushed says that a job is triggered by a commit: only such builds are held
// against history.
func (j Job) pushed() bool { return j == JobJUnit || j == JobPush }

// repository is where commits of the pushed jobs are made.
func (w *Weir) repository() string { return filepath.Join(w.Dir, "repository") }

// commit makes a commit, in a repository that is made if there is none.
func (w *Weir) commit(ctx context.Context) error {
	git := func(args ...string) error {
		_, err := process.Run(ctx, process.Command{Dir: w.repository(), Args: append([]string{"git", "-c", "user.name=bench", "-c", "user.email=bench@example.org"}, args...)})
		return err
	}
	if _, err := os.Stat(w.repository()); err != nil {
		if err := os.Mkdir(w.repository(), 0o700); err != nil {
			return err
		}
		if err := git("init", "-q", "-b", "main"); err != nil {
			return err
		}
	}
	return git("commit", "-q", "--allow-empty", "-m", "bench")
}

// projectName names one of the projects that are only there to be many.
func projectName(i int) string { return fmt.Sprintf("project%04d", i) }
