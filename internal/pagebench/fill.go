package pagebench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/results"
	"github.com/weir-ci/weir/internal/store"
)

// Size is how much a farm holds.
type Size struct {
	Projects    int // each with a job on three platforms, and each third one with a second job
	Builds      int // of each builder
	Tests       int // of each builder
	Regressions int // that are open
	Workers     int
}

// Large is the size at which pages have their goals: 1,000 builders.
func Large() Size {
	return Size{Projects: 300, Builds: 100, Tests: 2000, Regressions: 30, Workers: 200}
}

// Small is enough to see every page at work: 100 builders.
func Small() Size { return Size{Projects: 30, Builds: 10, Tests: 60, Regressions: 5, Workers: 20} }

// platforms are where the farm builds.
func platforms() []weir.Platform {
	return []weir.Platform{"linux/amd64", "darwin/arm64", "windows/amd64"}
}

// family is how many projects stand on the first one of them; all stand on the very
// first one.
const family = 10

// Farm is a farm that is filled.
type Farm struct {
	Dir      string
	Database string // the URL of a PostgreSQL database; empty: SQLite, in Dir
	Size     Size
	db       store.Store
	now      time.Time
	builders []weir.Builder
}

// projectName names a project.
func projectName(i int) string { return fmt.Sprintf("proj%03d", i) }

// farmFile is what the farm is told to do. Its sources are not there: nobody looks at
// them for years.
func (f *Farm) farmFile() string {
	var s strings.Builder
	fmt.Fprintf(&s, "farm: {name: Pages}\nlisten: 127.0.0.1:0\ndata: %s\n", filepath.Join(f.Dir, "data"))
	if f.Database != "" {
		fmt.Fprintf(&s, "database: %q\n", f.Database)
	}
	fmt.Fprintf(&s, "platforms: [%s]\nprojects:\n", joined(platforms()))
	for i := range f.Size.Projects {
		fmt.Fprintf(&s, "  %s:\n    source: {git: \"file:///nowhere/%[1]s\", branch: main, poll: 24h}\n", projectName(i))
		product := "        product: $WEIR_PREFIX\n"
		if i%family != 0 {
			product = ""
		}
		switch head := i - i%family; {
		case i == 0: // it stands on nothing
		case head == 0 || head == i:
			fmt.Fprintf(&s, "    upstreams: [%s]\n", projectName(0))
		default:
			fmt.Fprintf(&s, "    upstreams: [%s, %s]\n", projectName(0), projectName(head))
		}
		s.WriteString("    jobs:\n      test:\n        steps: [\"make install prefix=$WEIR_PREFIX\"]\n" + product)
		if i%3 == 0 {
			s.WriteString("      docs:\n        platforms: [linux/amd64]\n        steps: [\"make docs\"]\n")
		}
	}
	return s.String()
}

func joined(list []weir.Platform) string {
	parts := make([]string, len(list))
	for i, p := range list {
		parts[i] = string(p)
	}
	return strings.Join(parts, ", ")
}

// Fill makes a farm in an empty directory, and in an empty PostgreSQL database if the
// URL of one is given; otherwise its database is SQLite. Its first builds are what the farm itself
// makes of its projects; they go through the store like any other, and the later
// ones are copies of their rows.
func Fill(ctx context.Context, dir, database string, size Size) (f *Farm, err error) {
	f = &Farm{Dir: dir, Database: database, Size: size, now: time.Now().Add(-time.Duration(size.Builds) * step).Truncate(time.Second)}
	if err := os.WriteFile(f.path(), []byte(f.farmFile()), 0o600); err != nil {
		return nil, err
	}
	if f.db, err = f.open(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.db.Close())
		}
	}()
	if err := f.revisions(ctx); err != nil {
		return nil, err
	}
	if err := f.plan(ctx); err != nil {
		return nil, err
	}
	if err := f.finishAll(ctx); err != nil {
		return nil, err
	}
	if err := f.copies(ctx); err != nil {
		return nil, err
	}
	if err := f.db.Migrate(ctx); err != nil { // the words of the tests
		return nil, err
	}
	if f.builders, err = f.db.Builders(ctx, 0, mostBuilders); err != nil {
		return nil, err
	}
	if err := f.tidy(ctx); err != nil {
		return nil, err
	}
	return f, f.today(ctx)
}

const mostBuilders = 10_000

// Reuse takes a farm that was filled before.
func Reuse(ctx context.Context, dir string, size Size) (f *Farm, err error) {
	f = &Farm{Dir: dir, Size: size, now: time.Now()}
	if f.db, err = f.open(ctx); err != nil {
		return nil, err
	}
	farm, err := f.recipe()
	if err != nil {
		return nil, errors.Join(err, f.db.Close())
	}
	f.Database = farm.Database
	if f.builders, err = f.db.Builders(ctx, 0, mostBuilders); err != nil {
		return nil, errors.Join(err, f.db.Close())
	}
	return f, f.hello(ctx)
}

// hello lets all workers say hello.
func (f *Farm) hello(ctx context.Context) error {
	for i := range f.Size.Workers {
		w := weir.Worker{Name: fmt.Sprintf("worker-%03d", i), Platform: platforms()[i%3], Slots: 4, Version: "bench", Host: fmt.Sprintf("host%03d", i), Labels: []string{"big"}, Seen: time.Now()}
		if _, _, err := f.db.Hello(ctx, w, nil); err != nil {
			return err
		}
	}
	return nil
}

func (f *Farm) path() string { return filepath.Join(f.Dir, "weir.yaml") }

func (f *Farm) recipe() (*recipe.Farm, error) {
	farm, problems, err := recipe.Load(f.path())
	if err != nil {
		return nil, fmt.Errorf("%w %s", err, problems.Format())
	}
	return farm, nil
}

func (f *Farm) open(ctx context.Context) (store.Store, error) {
	farm, err := f.recipe()
	if err != nil {
		return nil, err
	}
	return app.OpenStore(ctx, farm)
}

// revisionID is the revision of a project at a position. All of them end alike at one
// position, so that all pins of a build move at once.
func revisionID(project string, position int) string {
	return fmt.Sprintf("%.36s%04x", weir.DigestOf([]byte(project)).Hex(), position)
}

// revisions gives each project as many revisions as it has builds.
func (f *Farm) revisions(ctx context.Context) error {
	for i := range f.Size.Projects {
		p := store.Poll{Project: projectName(i), Branch: "main", Now: f.now, Next: f.now.AddDate(100, 0, 0)}
		for n := range f.Size.Builds {
			p.Revisions = append(p.Revisions, weir.Revision{ID: revisionID(p.Project, n+1), Author: fmt.Sprintf("Author %d <a%[1]d@example.org>", n%7),
				Time: f.now.Add(time.Duration(n) * step), Message: fmt.Sprintf("%s: fold the case of sharp s, part %d\n\nIt was not folded before.", p.Project, n+1)})
		}
		if _, _, err := f.db.RecordRevisions(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// quiet is how many looks long nothing must have changed for a server to be done.
const quiet = 25

// plan lets a server make the first build of each builder.
func (f *Farm) plan(ctx context.Context) error {
	farm, err := f.recipe()
	if err != nil {
		return err
	}
	want := 0
	for i := range f.Size.Projects {
		want += len(platforms())
		if i%3 == 0 {
			want++
		}
	}
	server, err := app.NewServer(ctx, app.ServerOptions{Farm: farm})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- server.Run(running) }()
	last, same := 0, 0
	err = f.await(ctx, done, func() (bool, error) {
		depth, err := f.db.QueueDepth(ctx)
		made := depth[weir.Queued] + depth[weir.Blocked]
		if same++; made != last {
			last, same = made, 0
		}
		return made >= want && same > quiet, err
	})
	stop()
	return errors.Join(err, <-done)
}

// await waits for something that a server does.
func (f *Farm) await(ctx context.Context, done <-chan error, ready func() (bool, error)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	for {
		if ok, err := ready(); ok || err != nil {
			return err
		}
		select {
		case err := <-done:
			return errors.Join(errors.New("the server ended"), err)
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return errors.New("the server did not make its builds")
		case <-tick.C:
		}
	}
}

// finishAll leases and finishes what is there, as workers of the three platforms.
func (f *Farm) finishAll(ctx context.Context) error {
	digest, err := f.results(ctx)
	if err != nil {
		return err
	}
	if err := f.hello(ctx); err != nil {
		return err
	}
	for round := 0; ; round++ {
		leased, err := f.lease(ctx, round, 100)
		if err != nil {
			return err
		}
		if len(leased) == 0 {
			depth, err := f.db.QueueDepth(ctx)
			if err != nil || len(depth) == 0 {
				return err
			}
			if round > 100*len(platforms()) {
				return fmt.Errorf("builds are left: %v", depth)
			}
			continue
		}
		for _, l := range leased {
			if err := f.finish(ctx, l, digest); err != nil {
				return err
			}
		}
	}
}

// lease takes builds of one platform after the other, each time as another worker.
func (f *Farm) lease(ctx context.Context, round, most int) ([]store.Leased, error) {
	ask := store.LeaseAsk{Worker: fmt.Sprintf("worker-%03d", round%f.Size.Workers), Now: f.now, Deadline: f.now.Add(leaseTime)}
	ask.Platform = platforms()[round%f.Size.Workers%3]
	for i := range most {
		ask.Tokens = append(ask.Tokens, fmt.Sprintf("token-%d-%d-%d", f.now.UnixNano(), round, i))
	}
	return f.db.Lease(ctx, ask, func(q store.Queue) (ids []weir.BuildID) {
		for _, c := range q.Candidates[:min(len(q.Candidates), most)] {
			ids = append(ids, c.Build)
		}
		return ids
	})
}

func test(i int) weir.TestID {
	return weir.TestID{Suite: fmt.Sprintf("text.test_%03d.CaseFoldingTests", i/50), Name: fmt.Sprintf("test_fold_%06d", i)}
}

// results keeps what the tests of a build reported.
func (f *Farm) results(ctx context.Context) (weir.Digest, error) {
	var set weir.ResultSet
	for i := range f.Size.Tests {
		r := weir.Result{Test: test(i), Status: weir.Pass, Duration: time.Duration(i%50) * time.Millisecond}
		if i%400 == 7 {
			r.Status, r.Message, r.Output = weir.Fail, "AssertionError: 'STRASSE' != 'STRAßE'", strings.Repeat("a line of output\n", 20)
		}
		set.Results = append(set.Results, r)
	}
	var data bytes.Buffer
	if err := results.Encode(&data, set); err != nil {
		return "", err
	}
	blobs, err := blob.NewDir(filepath.Join(f.Dir, "data", "blobs"))
	if err != nil {
		return "", err
	}
	return blob.Add(ctx, blobs, func() io.Reader { return bytes.NewReader(data.Bytes()) }, int64(data.Len()))
}

// finish ends a build with three steps, a short log, results and metrics, and settles it.
func (f *Farm) finish(ctx context.Context, l store.Leased, results weir.Digest) error {
	begin := f.now.Add(time.Second)
	end := store.Finish{Attempt: l.Attempt, Token: l.Token, Now: begin.Add(40 * time.Second), Outcome: weir.Failed, Reason: weir.Reason{Code: weir.ReasonTests, Text: "5 tests failed"},
		Results: results, Counts: weir.Counts{Pass: f.Size.Tests - 5, Fail: 5},
		Metrics: []weir.Metric{{Name: "coverage", Value: 81.5, Unit: "%"}, {Name: "size", Value: 12.5, Unit: "MB"}, {Name: "time", Value: 40, Unit: "s"}}}
	for i, name := range []string{"checkout", "build", "test"} {
		at := begin.Add(time.Duration(i) * 10 * time.Second)
		end.Steps = append(end.Steps, weir.StepRecord{Name: name, State: weir.StepPassed, Started: at, Ended: at.Add(10 * time.Second)})
	}
	end.Steps[2].State, end.Steps[2].ExitCode = weir.StepFailed, 1
	if b := l.Build.Builder; strings.HasSuffix(b.Project, "0") && b.Job == "test" { // others stand on it
		end.Outcome, end.Reason, end.Steps[2].State, end.Steps[2].ExitCode = weir.Passed, weir.Reason{}, weir.StepPassed, 0
		end.Product = weir.Product{Digest: weir.DigestOf([]byte(l.Build.Builder.Name())), Prefix: "/weir", Size: 1 << 20}
	}
	if _, err := f.db.Finish(ctx, end); err != nil {
		return err
	}
	return f.db.Settle(ctx, store.Settlement{Build: l.Build.ID, Expect: weir.Unjudged, Become: weir.Settled, Now: end.Now,
		Ledger: weir.Ledger{Expected: f.Size.Tests, Reported: f.Size.Tests, Executed: f.Size.Tests}})
}
