package compare

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func result(name string, s weir.Status, message string, took time.Duration) weir.Result {
	return weir.Result{Test: weir.TestID{Suite: "s", Name: name}, Status: s, Message: message, Duration: took}
}

func build(outcome weir.Outcome) weir.Build {
	return weir.Build{State: weir.Finished, Outcome: outcome, Results: weir.DigestOf([]byte("x"))}
}

func TestCompareTests(t *testing.T) {
	t.Parallel()
	a := weir.ResultSet{Results: []weir.Result{
		result("same", weir.Pass, "", time.Second), result("breaks", weir.Pass, "", 0), result("mended", weir.Fail, "x", 0), result("otherwise", weir.Fail, "connection refused", 0),
		result("skipped", weir.Pass, "", 0), result("hidden", weir.Fail, "x", 0), result("gone", weir.Pass, "", 0), result("tried", weir.Skip, "", 0), result("slower", weir.Pass, "", time.Second),
		result("still", weir.Fail, "the same words", 0),
	}}
	b := weir.ResultSet{Results: []weir.Result{
		result("same", weir.Pass, "", time.Second+time.Millisecond), result("breaks", weir.Fail, "boom", 0), result("mended", weir.Pass, "", 0), result("otherwise", weir.Fail, "index out of range", 0),
		result("skipped", weir.Skip, "", 0), result("hidden", weir.Skip, "", 0), result("fresh", weir.Pass, "", 0), result("tried", weir.Fail, "", 0), result("slower", weir.Pass, "", 3*time.Second),
		result("still", weir.Fail, "the same words", 0),
	}}
	got := CompareTests(build(weir.Failed), build(weir.Failed), a, b)
	var words []string
	for _, c := range got.Changes {
		words = append(words, c.Test.Name+" "+string(c.Verdict))
	}
	want := "breaks newly_failing, tried newly_failing, otherwise failing_differently, skipped newly_skipped, hidden masked, mended fixed, gone vanished, fresh new"
	if text := strings.Join(words, ", "); text != want {
		t.Errorf("changes: %s\nwant %s", text, want)
	}
	if got.Same != 3 || len(got.Took) != 1 || got.Took[0].Test.Name != "slower" || !got.Known || !got.Reached || got.Counts.NewlyFailing != 2 {
		t.Errorf("%+v", got)
	}
	if back := CompareTests(build(weir.Failed), build(weir.Failed), b, b); len(back.Changes) != 0 || back.Same != 10 || len(back.Took) != 0 {
		t.Errorf("a build differs from itself: %+v", back)
	}
	if broken := CompareTests(build(weir.Failed), build(weir.Broken), a, weir.ResultSet{}); len(broken.Changes) != 0 || broken.Reached {
		t.Errorf("what was not reached differs: %+v", broken)
	}
	if none := CompareTests(weir.Build{}, build(weir.Failed), weir.ResultSet{}, b); none.Known || len(none.Changes) != 0 {
		t.Errorf("without results: %+v", none)
	}
	if fromBroken := CompareTests(build(weir.Broken), build(weir.Failed), weir.ResultSet{}, b); len(fromBroken.Changes) != 0 || fromBroken.Reached {
		t.Errorf("against what was not reached: %+v", fromBroken)
	}
}

func TestCompareTestsIsBounded(t *testing.T) {
	t.Parallel()
	var a, b weir.ResultSet
	for i := range 3 * MaxChanges {
		a.Results = append(a.Results, result(fmt.Sprintf("t%05d", i), weir.Pass, "", time.Second))
		b.Results = append(b.Results, result(fmt.Sprintf("t%05d", i), weir.Fail, "x", time.Hour))
	}
	got := CompareTests(build(weir.Failed), build(weir.Failed), a, b)
	if len(got.Changes) != MaxChanges || got.More != 2*MaxChanges || got.Counts.NewlyFailing != 3*MaxChanges || len(got.Took) > MaxTimes {
		t.Errorf("%d changes, %d more, %+v", len(got.Changes), got.More, got.Counts)
	}
}

func TestPackages(t *testing.T) {
	t.Parallel()
	a, err := ReadPackages(strings.NewReader("# made by pip\nattrs==25.1\r\nzlib 1.3\n\n-e git+https://x\ntwisted @ file:///src\nbare\nold==1\n"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := ReadPackages(strings.NewReader("attrs==25.3\nzlib 1.3\ntwisted @ file:///src\nbare\nnew\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := ComparePackages(a, b)
	if text := fmt.Sprint(got.Moves); text != "[{attrs 25.1 25.3} {new  ?} {old 1 }]" || got.Same != 3 {
		t.Errorf("%s, %d the same", text, got.Same)
	}
	if got := ComparePackages(nil, b); got.A || !got.B || len(got.Moves) != 0 {
		t.Errorf("without a list: %+v", got)
	}
	for path, want := range map[string]bool{"packages.txt": true, "logs/py-packages.txt": true, "packages.txt/x": false, "packages.json": false} {
		if IsPackages(path) != want {
			t.Errorf("%s lists packages: %t", path, !want)
		}
	}
}

func FuzzReadPackages(f *testing.F) {
	f.Add([]byte("a==1\nb 2\n\x00\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := ReadPackages(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		for name := range list {
			if strings.TrimSpace(name) == "" {
				t.Fatalf("a package without a name in %q", data)
			}
		}
	})
}

func TestPairs(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	step := func(i int, name string, s time.Duration) weir.StepRecord {
		return weir.StepRecord{Index: i, Name: name, State: weir.StepPassed, Started: at, Ended: at.Add(s)}
	}
	steps := PairSteps([]weir.StepRecord{step(0, "x", 1), step(1, "x", 2), step(2, "old", 3)}, []weir.StepRecord{step(0, "x", 4), step(1, "new", 5), step(2, "x", 6)})
	if text := fmt.Sprint(steps); text != "[{x 1ns 4ns passed passed [0 0]} {x 2ns 6ns passed passed [1 2]} {old 3ns 0s passed  [2 -1]} {new 0s 5ns  passed [-1 1]}]" {
		t.Errorf("steps: %s", text)
	}
	metrics := PairMetrics([]weir.Metric{{Name: "b", Value: 1}, {Name: "a", Value: 2, Unit: "s"}}, []weir.Metric{{Name: "a", Value: 3, Unit: "s"}, {Name: "a", Value: 3, Unit: "MB"}})
	if len(metrics) != 3 || *metrics[0].A != 2 || *metrics[0].B != 3 || metrics[1].A != nil || metrics[2].B != nil {
		t.Errorf("metrics: %+v", metrics)
	}
}

// fake is a store of two builds.
type fake struct{ store.Store }

func (fake) Build(_ context.Context, id weir.BuildID) (weir.Build, error) {
	if id > 2 {
		return weir.Build{}, weir.Errorf(weir.NotFound, "there is no build %d", id)
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return weir.Build{ID: id, State: weir.Finished, Outcome: weir.Passed, Created: at, Started: at.Add(time.Minute), Finished: at.Add(2 * time.Minute),
		Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "mill", Job: "test", Platform: weir.Platform([]string{"linux/amd64", "linux/arm64"}[id-1])}},
		Pins:    weir.Pins{"mill": fmt.Sprint("r", id)}}, nil
}

func (fake) BuildSpec(context.Context, weir.BuildID) (weir.Spec, error) {
	return weir.Spec{Project: "mill", Job: weir.Job{Env: []weir.EnvVar{{Name: "LANG", Value: "C"}}}}, nil
}

func (fake) Attempts(_ context.Context, id weir.BuildID) ([]weir.Attempt, error) {
	b, err := fake{}.Build(nil, id)
	return []weir.Attempt{{ID: weir.AttemptID{Build: id, Number: 1}, Worker: "w", Leased: b.Created.Add(30 * time.Second), Ended: b.Finished}}, err
}

func (fake) Steps(context.Context, weir.AttemptID) ([]weir.StepRecord, error) {
	return []weir.StepRecord{{Name: "test", State: weir.StepPassed}}, nil
}

func (fake) Notes(context.Context, weir.BuildID) (store.Notes, error) { return store.Notes{}, nil }

func (fake) Revision(context.Context, string, string, string) (weir.Revision, error) {
	return weir.Revision{}, weir.Errorf(weir.NotFound, "no")
}

func (fake) Artifacts(_ context.Context, id weir.BuildID) ([]weir.Artifact, error) {
	return []weir.Artifact{{Path: "a.log"}, {Path: "out/packages.txt", Digest: weir.Digest(fmt.Sprint("d", id))}}, nil
}

func TestCompare(t *testing.T) {
	t.Parallel()
	blobs := map[weir.Digest]string{"d1": "attrs==1\n", "d2": "attrs==2\n"}
	r := New(Options{Store: fake{}, Results: func(context.Context, weir.Build) (weir.ResultSet, error) { return weir.ResultSet{}, nil },
		Open: func(_ context.Context, d weir.Digest) (io.ReadCloser, error) {
			if blobs[d] == "" {
				return nil, weir.Errorf(weir.NotFound, "no blob")
			}
			return io.NopCloser(strings.NewReader(blobs[d])), nil
		}})
	c, err := r.Compare(t.Context(), 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Environment) != 4 || c.Environment[0].Name != "platform" || !c.Environment[0].Differs() || c.Environment[1].Differs() {
		t.Errorf("environment: %+v", c.Environment)
	}
	if c.A.Waited != 30*time.Second || c.B.Took != time.Minute || len(c.Steps) != 1 || len(c.Moves) != 1 || c.Moves[0].From != "r1" || c.Moves[0].To != "r2" {
		t.Errorf("%+v", c)
	}
	if len(c.Packages.Moves) != 1 || c.Packages.Moves[0].To != "2" {
		t.Errorf("packages: %+v", c.Packages)
	}
	delete(blobs, "d1")
	if c, err := r.Compare(t.Context(), 1, 2); err != nil || c.Packages.A || !c.Packages.B {
		t.Errorf("with a list that is gone: %+v, %v", c.Packages, err)
	}
	if _, err := r.Compare(t.Context(), 1, 9); weir.CodeOf(err) != weir.NotFound {
		t.Errorf("a build that is not there: %v", err)
	}
}
