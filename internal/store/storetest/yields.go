package storetest

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func yieldTests() []subtest {
	return []subtest{
		{"what a build leaves for people", testYields},
		{"an infrastructure error leaves nothing", testInfraYields},
		{"artifacts expire", testExpireArtifacts},
		{"blobs that others need stay", testArtifactsShared},
		{"the history of a metric", testMetricHistory},
		{"what is over a limit", testBadYields},
	}
}

func artifact(path, content string, expires time.Time) weir.Artifact {
	return weir.Artifact{Path: path, Digest: weir.DigestOf([]byte(content)), Size: int64(len(content)), Expires: expires}
}

// leaves ends an attempt that leaves something.
func (f *fixture) leaves(l store.Leased, reason weir.ReasonCode, change func(*store.Finish)) error {
	f.Helper()
	end := f.ending(l, reason)
	change(&end)
	_, err := f.Finish(f.ctx, end)
	return err
}

func testYields(f *fixture) {
	b := f.builder("b")
	l := f.leaseBuild(f.change(b, 1))
	keep := f.now().Add(time.Hour)
	end := f.ending(l, weir.ReasonTests)
	end.Artifacts = []weir.Artifact{artifact("dist/b.tar", "b", keep), artifact("a: b.txt", "a", time.Time{}), artifact("dist/b.tar", "newer", keep)}
	end.Metrics = []weir.Metric{{Name: "time", Value: 1.5, Unit: "s"}, {Name: "size", Value: -3}, {Name: "tiny", Value: math.SmallestNonzeroFloat64},
		{Name: "huge", Value: math.MaxFloat64}, {Name: "size", Value: 4, Unit: "MB"}}
	end.Summary = "# All\x00 well"
	for range 2 { // a doubled finish leaves nothing more
		must[weir.Build](f)(f.Finish(f.ctx, end))
		equal(f, "artifacts", must[[]weir.Artifact](f)(f.Artifacts(f.ctx, l.Build.ID)), []weir.Artifact{end.Artifacts[1], end.Artifacts[2]})
		equal(f, "notes", must[store.Notes](f)(f.Notes(f.ctx, l.Build.ID)), store.Notes{Summary: "# All\ufffd well", Metrics: []weir.Metric{
			end.Metrics[3], end.Metrics[4], end.Metrics[0], end.Metrics[2]}})
	}
	none := f.done(weir.CauseChange, b, 2, weir.ReasonNone)
	equal(f, "notes of a build without", must[store.Notes](f)(f.Notes(f.ctx, none.ID)), store.Notes{})
	equal(f, "artifacts of no build", len(must[[]weir.Artifact](f)(f.Artifacts(f.ctx, 999))), 0)
}

func testInfraYields(f *fixture) {
	l := f.leaseBuild(f.change(f.builder("b"), 1))
	some := func(e *store.Finish) {
		e.Artifacts, e.Metrics, e.Summary = []weir.Artifact{artifact("a", "a", time.Time{})}, []weir.Metric{{Name: "m", Value: 1}}, "s"
	}
	f.ok(f.leaves(l, weir.ReasonWorker, some))
	equal(f, "artifacts", len(must[[]weir.Artifact](f)(f.Artifacts(f.ctx, l.Build.ID))), 0)
	f.ok(f.leaves(f.leaseBuild(l.Build.ID), weir.ReasonNone, some))
	equal(f, "artifacts of the second attempt", len(must[[]weir.Artifact](f)(f.Artifacts(f.ctx, l.Build.ID))), 1)
}

func testExpireArtifacts(f *fixture) {
	b := f.builder("b")
	start := f.now()
	at := func(hours int) time.Time { return start.Add(time.Duration(hours) * time.Hour) }
	var builds []weir.BuildID
	for i := range 3 {
		l := f.leaseBuild(f.change(b, i))
		builds = append(builds, l.Build.ID)
		f.ok(f.leaves(l, weir.ReasonNone, func(e *store.Finish) {
			e.Artifacts = []weir.Artifact{artifact("never", "never", time.Time{}), artifact("own", fmt.Sprint("own", i), at(i+1)), artifact("shared", "shared", at(i+1))}
		}))
	}
	expire := func(now time.Time, limit, want int, unused ...string) {
		f.Helper()
		n, digests, err := f.ExpireArtifacts(f.ctx, now, limit)
		f.ok(err)
		equal(f, "removed", n, want)
		for _, u := range unused {
			if !strings.Contains(fmt.Sprint(digests), string(weir.DigestOf([]byte(u)))) {
				f.Errorf("%s is needed by nobody, and not listed", u)
			}
		}
		equal(f, "not needed", len(digests), len(unused))
	}
	expire(at(0), 10, 0)
	expire(at(1), 10, 2, "own0")
	expire(at(3), 1, 1, "own1")
	expire(at(3), 0, 3, "own2", "shared")
	expire(at(99), 0, 0)
	for _, id := range builds {
		left := must[[]weir.Artifact](f)(f.Artifacts(f.ctx, id))
		equal(f, "left", len(left) == 1 && left[0].Path == "never", true)
	}
}

func testArtifactsShared(f *fixture) {
	b := f.builder("b")
	patch := weir.DigestOf([]byte("patch"))
	tried := f.create(weir.CauseTry, build(b, at("b", weir.Patched("r1", patch))))[0]
	l := f.leaseBuild(f.change(b, 1))
	f.send(f.sync(l, 1, frame(0, 0, 0, "one\n")))
	f.ok(f.leaves(l, weir.ReasonNone, func(e *store.Finish) {
		e.Results, e.Product = weir.DigestOf([]byte("results")), weir.Product{Digest: weir.DigestOf([]byte("product")), Prefix: "/x", Size: 1}
		for _, content := range []string{"results", "product", "patch", "log", "nobody"} {
			e.Artifacts = append(e.Artifacts, artifact(content, content, epoch.Add(time.Hour)))
		}
	}))
	f.ok(f.Seal(f.ctx, store.LogSegment{Attempt: l.Attempt, Bytes: 4, Lines: 1, Digest: weir.DigestOf([]byte("log"))}))
	_, unused, err := f.ExpireArtifacts(f.ctx, epoch.Add(2*time.Hour), 10)
	f.ok(err)
	equal(f, "needed by nobody", unused, []weir.Digest{weir.DigestOf([]byte("nobody"))})
	f.state(tried, weir.Queued)
}

func testMetricHistory(f *fixture) {
	b := f.builder("b")
	var want []store.MetricPoint
	for i, cause := range []weir.Cause{weir.CauseChange, weir.CauseTry, weir.CauseChange, weir.CauseProbe, weir.CauseCron, weir.CauseForce} {
		l := f.leaseBuild(f.create(cause, build(b, own(b, i)))[0])
		f.ok(f.leaves(l, weir.ReasonNone, func(e *store.Finish) {
			e.Metrics = []weir.Metric{{Name: "m", Value: float64(i) / 3, Unit: "s"}, {Name: "other"}}
		}))
		if cause.Advances() {
			want = append(want, store.MetricPoint{Build: l.Build.ID, At: f.get(l.Build.ID).Finished, Value: float64(i) / 3, Unit: "s"})
		}
	}
	equal(f, "history", must[[]store.MetricPoint](f)(f.MetricHistory(f.ctx, b.ID, "m", 0)), want)
	equal(f, "the newest", must[[]store.MetricPoint](f)(f.MetricHistory(f.ctx, b.ID, "m", 2)), want[2:])
	equal(f, "of none", len(must[[]store.MetricPoint](f)(f.MetricHistory(f.ctx, b.ID, "x", 0))), 0)
}

func testBadYields(f *fixture) {
	l := f.leaseBuild(f.change(f.builder("b"), 1))
	path := func(p string) func(*store.Finish) {
		return func(e *store.Finish) { e.Artifacts = []weir.Artifact{artifact(p, "x", time.Time{})} }
	}
	metric := func(m weir.Metric) func(*store.Finish) {
		return func(e *store.Finish) { e.Metrics = []weir.Metric{m} }
	}
	for name, change := range map[string]func(*store.Finish){
		"absolute": path("/etc/passwd"), "above": path("../x"), "dot": path("."), "not clean": path("a//b"), "no path": path(""), "behind": path("a/../../b"),
		"long": path(strings.Repeat("x", store.MaxArtifactPath+1)), "backslash": path("a\\b"), "control": path("a\nb"), "no UTF-8": path("a\xff"),
		"no digest": func(e *store.Finish) { e.Artifacts = []weir.Artifact{{Path: "a", Digest: "sha256:x"}} },
		"negative": func(e *store.Finish) {
			e.Artifacts = []weir.Artifact{{Path: "a", Digest: weir.DigestOf(nil), Size: -1}}
		},
		"many": func(e *store.Finish) { e.Artifacts = make([]weir.Artifact, weir.MaxArtifacts+1) },
		"NaN":  metric(weir.Metric{Name: "m", Value: math.NaN()}), "infinite": metric(weir.Metric{Name: "m", Value: math.Inf(-1)}),
		"no name": metric(weir.Metric{}), "long name": metric(weir.Metric{Name: strings.Repeat("x", weir.MaxMetricName+1)}),
		"long unit": metric(weir.Metric{Name: "m", Unit: strings.Repeat("x", store.MaxMetricUnit+1)}),
		"many metrics": func(e *store.Finish) {
			e.Metrics = make([]weir.Metric, weir.MaxMetrics+1)
		},
		"summary": func(e *store.Finish) { e.Summary = strings.Repeat("x", weir.MaxSummary+1) },
	} {
		if err := f.leaves(l, weir.ReasonNone, change); weir.CodeOf(err) != weir.Invalid {
			f.Errorf("%s: %v", name, err)
		}
	}
	f.state(l.Build.ID, weir.Leased)
	f.ok(f.leaves(l, weir.ReasonNone, func(e *store.Finish) {
		for i := range weir.MaxArtifacts {
			e.Artifacts = append(e.Artifacts, artifact(fmt.Sprintf("%s%d", strings.Repeat("d/", 100), i), "x", time.Time{}))
		}
		for i := range weir.MaxMetrics {
			e.Metrics = append(e.Metrics, weir.Metric{Name: fmt.Sprintf("%0200d", i)})
		}
		e.Summary = strings.Repeat("x", weir.MaxSummary)
	}))
	equal(f, "as many as may be", len(must[[]weir.Artifact](f)(f.Artifacts(f.ctx, l.Build.ID))), weir.MaxArtifacts)
}
