package weir_test

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

// words splits a list that is easier to read in one string.
func words(s string) []string { return strings.Fields(s) }

// texts turns names of any kind into strings.
func texts[S ~string](list []S) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

func TestPins(t *testing.T) {
	t.Parallel()
	pins := weir.Pins{"b": "2", "a": "1", "a+": "3"}
	for _, c := range []struct {
		pins weir.Pins
		want string
	}{
		{nil, ""},
		{weir.Pins{}, ""},
		{weir.Pins{"go": "go1.26.8"}, "go@go1.26.8"},
		{pins, "a+@3 a@1 b@2"},
	} {
		if got := c.pins.Key(); got != c.want {
			t.Errorf("%v: Key is %q, want %q", c.pins, got, c.want)
		}
	}
	for _, c := range []struct {
		names []string
		want  weir.Pins
	}{
		{nil, weir.Pins{}},
		{[]string{"b", "b", "absent"}, weir.Pins{"b": "2"}},
		{[]string{"a", "b", "a+"}, pins},
	} {
		if got := pins.Only(c.names); !maps.Equal(got, c.want) {
			t.Errorf("Only(%q) is %v, want %v", c.names, got, c.want)
		}
	}
	pins.Only([]string{"a"})["a"] = "changed"
	if pins["a"] != "1" {
		t.Error("what Only returns is tied to the pins it came from")
	}
}

func TestBuildsAndBuilders(t *testing.T) {
	t.Parallel()
	key := weir.BuilderKey{Project: "twisted", Job: "test", Platform: "linux/amd64"}
	if got, want := key.Name(), "twisted/test linux/amd64"; got != want {
		t.Errorf("Name is %q, want %q", got, want)
	}
	key.Cell, key.Branch = "py3", "trunk"
	if got, want := key.Name(), "twisted/test py3 trunk linux/amd64"; got != want {
		t.Errorf("Name is %q, want %q", got, want)
	}
	b := weir.Build{Builder: weir.Builder{BuilderKey: key}, Pins: weir.Pins{"twisted": "abc", "cpython": "def"}}
	if got := b.Revision(); got != "abc" {
		t.Errorf("Revision is %q, want abc", got)
	}
}

func TestUpstreamVar(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"cpython":          "WEIR_UPSTREAM_CPYTHON",
		"Go":               "WEIR_UPSTREAM_GO",
		"lua5.4":           "WEIR_UPSTREAM_LUA5_4",
		"g++-13_x":         "WEIR_UPSTREAM_G___13_X",
		"":                 "WEIR_UPSTREAM_",
		"\u00df\u0131":     "WEIR_UPSTREAM___", // upper case must not depend on a language
		"a=b\nc;$(id)\x00": "WEIR_UPSTREAM_A_B_C___ID__",
	} {
		if got := weir.UpstreamVar(name); got != want {
			t.Errorf("UpstreamVar(%q) is %q, want %q", name, got, want)
		}
	}
}

func TestValidName(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"a", "9", "C++", "lua-5.4", "x_y", strings.Repeat("a", 64)} {
		if !weir.ValidName(s) {
			t.Errorf("%q should be a name", s)
		}
	}
	for _, s := range []string{"", ".", "..", "-rf", "+x", "_x", "a/b", `a\b`, "a b", "a\n", "\na", "a:b", "a@b", "a,b",
		"\u00e9", "a\x00", "%2e", strings.Repeat("a", 65)} {
		if weir.ValidName(s) {
			t.Errorf("%q should not be a name", s)
		}
	}
}

func TestPlatform(t *testing.T) {
	t.Parallel()
	p := weir.Platform("linux/amd64")
	if p.OS() != "linux" || p.Arch() != "amd64" || !p.Valid() {
		t.Errorf("%s: OS %q, Arch %q, Valid %v", p, p.OS(), p.Arch(), p.Valid())
	}
	for _, bad := range []weir.Platform{"", "linux", "linux/", "/amd64", "linux/amd64/v3", "Linux/amd64", "linux/amd64\n",
		"../etc", "linux/../x", weir.Platform(strings.Repeat("a", 17) + "/amd64")} {
		if bad.Valid() {
			t.Errorf("%q should not be a platform", bad)
		}
		_, _ = bad.OS(), bad.Arch() // must not panic
	}
}

func TestFindingJobs(t *testing.T) {
	t.Parallel()
	p := weir.Project{Jobs: []weir.Job{{Name: "a"}, {Name: "b", Product: "$WEIR_PREFIX"}, {Name: "c", Product: "x"}}}
	if j, ok := p.Job("c"); !ok || j.Product != "x" {
		t.Errorf("Job(c) is %v, %v", j, ok)
	}
	if _, ok := p.Job("d"); ok {
		t.Error("Job(d) was found")
	}
	if j, ok := p.ProductJob(); !ok || j.Name != "b" {
		t.Errorf("ProductJob is %v, %v; want b", j, ok)
	}
	if _, ok := (weir.Project{Jobs: p.Jobs[:1]}).ProductJob(); ok {
		t.Error("a project without products has a product job")
	}
}

func TestRevision(t *testing.T) {
	t.Parallel()
	sha1, sha256 := strings.Repeat("0123456789", 4), strings.Repeat("abcdef01", 8)
	for id, want := range map[string]string{
		sha1: "0123456789", sha256: "abcdef01ab",
		"": "", "v1.2.3": "v1.2.3", sha1[:39]: sha1[:39],
		strings.ToUpper(sha256):        strings.ToUpper(sha256),
		strings.Repeat("\u00e9", 20):   strings.Repeat("\u00e9", 20), // 40 bytes, not 40 digits
		"v0.0.0-20260906184651-63":     "v0.0.0-20260906184651-63",
		strings.Repeat("z", len(sha1)): strings.Repeat("z", len(sha1)),
	} {
		if got := (weir.Revision{ID: id}).Short(); got != want {
			t.Errorf("Short of %q is %q, want %q", id, got, want)
		}
	}
	for message, want := range map[string]string{
		"": "", "one": "one", "one\ntwo": "one", "one\r\ntwo": "one", "\ntwo": "", "\u00e9t\u00e9\n\n": "\u00e9t\u00e9",
		"\xff\xfe\n": "\xff\xfe",
	} {
		if got := (weir.Revision{Message: message}).Subject(); got != want {
			t.Errorf("Subject of %q is %q, want %q", message, got, want)
		}
	}
}

func TestWithout(t *testing.T) {
	t.Parallel()
	a, b, long := strings.Repeat("0123456789", 4), strings.Repeat("fedcba9876", 4), strings.Repeat("abcdef01", 8)
	for _, c := range []struct {
		head, culprit string
		ok            bool
		short         string
	}{
		{a, b, true, "0123456789 without fedcba9876"},
		{a, a, true, "0123456789 without 0123456789"},
		{long, long, true, "abcdef01ab without abcdef01ab"},
		{a, long, false, ""},
		{a, b[:39], false, ""},
		{a, strings.ToUpper(b), false, ""},
		{a, "", false, ""},
		{"", b, false, ""},
		{"v1.2.3", b, false, ""},
		{a, weir.Without(b, a), false, ""},
		{weir.Without(a, b), a, false, ""},
	} {
		id := weir.Without(c.head, c.culprit)
		head, culprit, ok := weir.CutWithout(id)
		if ok != c.ok || ok && (head != c.head || culprit != c.culprit) || !ok && head+culprit != "" {
			t.Errorf("%q: cut into %q, %q, %v", id, head, culprit, ok)
		}
		if want := cmp.Or(c.short, id); weir.ShortRevision(id) != want {
			t.Errorf("%q: short is %q, want %q", id, weir.ShortRevision(id), want)
		}
	}
	if _, _, ok := weir.CutWithout(a); ok {
		t.Error("a plain commit was cut")
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	var set weir.ResultSet
	add := func(n int, s weir.Status) {
		for range n {
			set.Results = append(set.Results, weir.Result{Test: weir.TestID{Name: "t"}, Status: s})
		}
	}
	add(1, weir.Pass)
	add(2, weir.Fail)
	add(3, weir.Fault)
	add(4, weir.Skip)
	add(5, weir.ExpectedFailure)
	add(6, weir.Absent) // nobody may send it; it did not report
	add(7, "no such status")
	set.Results[0].Mixed = true
	set.Results = append(set.Results, weir.Result{Test: weir.TestID{Suite: weir.StepSuite, Name: "build"}, Status: weir.Fail})
	got := set.Count()
	if want := (weir.Counts{Pass: 1, Fail: 2, Fault: 3, Skip: 4, ExpectedFailure: 5, Mixed: 1}); got != want {
		t.Fatalf("Count is %+v, want %+v", got, want)
	}
	if got.Total() != 15 || got.Bad() != 5 || got.Executed() != 11 {
		t.Errorf("Total %d, Bad %d, Executed %d; want 15, 5, 11", got.Total(), got.Bad(), got.Executed())
	}
}

func TestCountVerdicts(t *testing.T) {
	t.Parallel()
	want := weir.VerdictCounts{New: 2, NewlyFailing: 3, NewlySkipped: 4, Vanished: 5, Fixed: 6, Flaky: 7, FailingDifferently: 8, Masked: 9}
	times := map[weir.Verdict]int{weir.New: want.New, weir.NewlyFailing: want.NewlyFailing, weir.NewlySkipped: want.NewlySkipped,
		weir.Vanished: want.Vanished, weir.Fixed: want.Fixed, weir.Flaky: want.Flaky,
		weir.FailingDifferently: want.FailingDifferently, weir.Masked: want.Masked}
	var changes []weir.TestChange
	for _, v := range append(weir.Verdicts(), "no such verdict") {
		for range max(times[v], 1) { // the others once: they count as nothing
			changes = append(changes, weir.TestChange{Verdict: v})
		}
	}
	got := weir.CountVerdicts(changes)
	if got != want {
		t.Errorf("CountVerdicts is %+v, want %+v", got, want)
	}
	worse := 0
	for _, c := range changes {
		if c.Verdict.Worse() {
			worse++
		}
	}
	if got.Worse() != worse {
		t.Errorf("Worse is %d, and %d verdicts say so", got.Worse(), worse)
	}
}

func TestTestIDsAreOrdered(t *testing.T) {
	t.Parallel()
	sorted := []weir.TestID{{}, {Name: "a"}, {Name: "b"}, {Suite: "a"}, {Suite: "a", Name: "a"}, {Suite: "b", Name: "A"}}
	for i, a := range sorted {
		for k, b := range sorted {
			if got := a.Compare(b); got != min(max(i-k, -1), 1) {
				t.Errorf("%q against %q: %d", a, b, got)
			}
		}
	}
	if got := (weir.TestID{Suite: "s", Name: "n"}).String() + "|" + (weir.TestID{Name: "n"}).String(); got != "s n|n" {
		t.Errorf("String is %q", got)
	}
}

func TestLeasesAndWorkers(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if (weir.Worker{Seen: now.Add(-weir.WorkerSilence)}).Away(now) || !(weir.Worker{Seen: now.Add(-weir.WorkerSilence - 1)}).Away(now) {
		t.Error("a worker is away when it was silent for longer than WorkerSilence")
	}
	if 3*weir.SyncInterval > weir.LeaseTime || weir.LeaseTime >= weir.WorkerSilence {
		t.Error("a lease must outlive two lost syncs, and end before its worker counts as away")
	}
	if !(weir.Attempt{}).Live() || (weir.Attempt{Ended: now}).Live() {
		t.Error("an attempt is live until it has ended")
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	base := weir.Errorf(weir.NotFound, "project %q is not known", "x")
	hinted := base.WithHint("run weir %s", "check").WithCause(fs.ErrNotExist)
	if base.Hint != "" || base.Err != nil {
		t.Error("WithHint and WithCause change the error they are called on")
	}
	if got, want := hinted.Error(), `project "x" is not known (run weir check)`; got != want {
		t.Errorf("Error is %q, want %q", got, want)
	}
	if !errors.Is(hinted, fs.ErrNotExist) || strings.Contains(hinted.Error(), fs.ErrNotExist.Error()) {
		t.Error("a cause must be in the chain and not in the message")
	}
	if wrapped := weir.Errorf(weir.Invalid, "x: %w", fs.ErrExist); !errors.Is(wrapped, fs.ErrExist) ||
		wrapped.Error() != "x: "+fs.ErrExist.Error() {
		t.Errorf("%%w gives %q", wrapped)
	}
	for _, c := range []struct {
		err  error
		want weir.Code
	}{
		{nil, ""},
		{errors.New("anything"), weir.Internal},
		{base, weir.NotFound},
		{fmt.Errorf("around it: %w", hinted), weir.NotFound},
		{weir.Errorf(weir.Conflict, "outer").WithCause(base), weir.Conflict},
		{errors.Join(errors.New("first"), base), weir.NotFound},
	} {
		if got := weir.CodeOf(c.err); got != c.want {
			t.Errorf("CodeOf(%v) is %q, want %q", c.err, got, c.want)
		}
	}
	if codes := texts(weir.Codes()); len(codes) != len(slices.Compact(slices.Sorted(slices.Values(codes)))) {
		t.Errorf("a code is listed twice: %v", codes)
	}
}
