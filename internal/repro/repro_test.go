package repro

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/execute"
	"github.com/weir-ci/weir/internal/worker/product"
)

const key = "0123456789abcdef0123"

// sample is a case of an app against a tool.
func sample() Case {
	spec := func(project string) weir.Spec {
		return weir.Spec{Project: project, Platform: "linux/amd64", Revision: strings.Repeat("a", 40),
			Source: weir.Source{Kind: weir.Git, Location: "https://example.org/" + project + ".git"},
			Job:    weir.Job{Name: "test", Steps: []weir.Step{{Name: "test", Run: "make check"}}}}
	}
	tool, app := spec("tool"), spec("app")
	tool.Job.Product, tool.ProductKey = "$WEIR_PREFIX", key
	app.Inputs = []weir.UpstreamSpec{{Project: "tool", Revision: tool.Revision,
		Product: weir.Product{Digest: weir.DigestOf([]byte("x")), Prefix: "/cache/" + key, Size: 1}}}
	return Case{Format: Format, Subject: "build 2", Trials: []Trial{{Name: "build 2", Build: 2, Expect: Expectation{Outcome: weir.Passed}}},
		Recipes: map[weir.BuildID]Recipe{1: {Spec: tool}, 2: {Spec: app, Needs: map[string]weir.BuildID{"tool": 1}}}}
}

func TestHostileCases(t *testing.T) {
	t.Parallel()
	if err := check(sample()); err != nil {
		t.Fatal(err)
	}
	edit := func(change func(r *Recipe)) func(*Case) {
		return func(c *Case) {
			r := c.Recipes[2]
			change(&r)
			c.Recipes[2] = r
		}
	}
	for name, change := range map[string]func(*Case){
		"another format":    func(c *Case) { c.Format = 2 },
		"no trial":          func(c *Case) { c.Trials = nil },
		"a trial of nobody": func(c *Case) { c.Trials[0].Build = 9 },
		"a circle": func(c *Case) {
			c.Recipes[1] = Recipe{Spec: c.Recipes[1].Spec, Needs: map[string]weir.BuildID{"app": 2}}
		},
		"half observed":    func(c *Case) { c.Trials[0].Expect.Victims = make([]weir.Victim, 1) },
		"no steps":         edit(func(r *Recipe) { r.Spec.Job.Steps = nil }),
		"a step outside":   edit(func(r *Recipe) { r.Spec.Job.Steps = []weir.Step{{Name: "x", Run: "x", Dir: "../.."}} }),
		"a reserved name":  edit(func(r *Recipe) { r.Spec.Job.Env = []weir.EnvVar{{Name: "WEIR_PREFIX", Value: "/"}} }),
		"an odd name":      edit(func(r *Recipe) { r.Spec.Job.Env = []weir.EnvVar{{Name: "A\nB", Value: "/"}} }),
		"a path as name":   edit(func(r *Recipe) { r.Spec.Project = "../x" }),
		"a path as dir":    edit(func(r *Recipe) { r.Spec.Job.Dir = "../x" }),
		"a hidden source":  edit(func(r *Recipe) { r.Spec.Source.Location = "https://a\x1b[2K" }),
		"an unknown kind":  edit(func(r *Recipe) { r.Spec.Source.Kind = "exe" }),
		"no revision":      edit(func(r *Recipe) { r.Spec.Revision = "" }),
		"a place anywhere": edit(func(r *Recipe) { r.Spec.Inputs[0].Product.Prefix = "/etc" }),
		"no digest":        edit(func(r *Recipe) { r.Spec.Inputs[0].Product.Digest = "x" }),
		"no maker":         edit(func(r *Recipe) { r.Needs = nil }),
		"an odd format":    edit(func(r *Recipe) { r.Spec.Job.Results = []weir.ResultFile{{Format: "exe"}} }),
	} {
		c := sample()
		change(&c)
		if err := check(c); weir.CodeOf(err) != weir.Invalid && weir.CodeOf(err) != weir.Unsupported {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// pack makes a capsule of whatever it is given.
func pack(t *testing.T, m any, files ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	zw, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	tw := tar.NewWriter(zw)
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := entry(tw, manifestName, int64(len(data)), bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	for _, h := range files {
		if err := tw.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(bytes.Repeat([]byte("x"), int(h.Size))); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestHostileCapsules(t *testing.T) {
	t.Parallel()
	one := file{Name: "1", Size: 1, Digest: weir.DigestOf([]byte("x")), Product: 1}
	plain := tar.Header{Name: "1", Size: 1, Typeflag: tar.TypeReg, Mode: 0o644}
	with := func(change func(*file)) manifest {
		f := one
		change(&f)
		return manifest{sample(), []file{f}}
	}
	good := pack(t, manifest{sample(), []file{one}}, plain)
	c, err := Open(bytes.NewReader(good), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	content, err := c.OpenProduct(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(content)
	if err != nil || string(data) != "x" || content.Close() != nil {
		t.Errorf("the product is %q, %v", data, err)
	}
	bad := sample()
	bad.Recipes[2] = Recipe{}
	for name, data := range map[string][]byte{
		"nothing":          nil,
		"text":             []byte("hello"),
		"cut":              good[:len(good)-20],
		"no manifest":      pack(t, []int{}, plain),
		"a bad case":       pack(t, manifest{bad, nil}),
		"another name":     pack(t, manifest{sample(), []file{one}}, tar.Header{Name: "../1", Size: 1, Typeflag: tar.TypeReg}),
		"a link":           pack(t, manifest{sample(), []file{one}}, tar.Header{Name: "1", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink}),
		"larger":           pack(t, manifest{sample(), []file{one}}, tar.Header{Name: "1", Size: 2, Typeflag: tar.TypeReg}),
		"a path":           pack(t, with(func(f *file) { f.Name = "../../x" }), plain),
		"another digest":   pack(t, with(func(f *file) { f.Digest = weir.DigestOf(nil) }), plain),
		"too large":        pack(t, with(func(f *file) { f.Size = MaxCapsule }), plain),
		"neither":          pack(t, with(func(f *file) { f.Product = 0 }), plain),
		"a form of source": pack(t, with(func(f *file) { f.Product, f.Source = 0, &sourceName{Kind: weir.Git} }), plain),
	} {
		dir := t.TempDir()
		inside := filepath.Join(dir, "inside")
		if err := os.Mkdir(inside, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(bytes.NewReader(data), inside, nil); weir.CodeOf(err) != weir.Invalid && weir.CodeOf(err) != weir.Unsupported {
			t.Errorf("%s: %v", name, err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("%s: it wrote outside of its directory: %v, %v", name, entries, err)
		}
	}
}

func result(suite, name string, status weir.Status, message string) weir.Result {
	return weir.Result{Test: weir.TestID{Suite: suite, Name: name}, Status: status, Message: message}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	failed := weir.Reason{Code: weir.ReasonTests}
	farm := []weir.Result{result("p", "A", weir.Fail, "want 1"), result("p", "B", weir.Fault, ""), result("p", "C", weir.Pass, ""), result("p", "D", weir.Skip, "")}
	swap := func(i int, r ...weir.Result) []weir.Result {
		out := append([]weir.Result{}, farm[:i]...)
		return append(append(out, r...), farm[i+1:]...)
	}
	for name, c := range map[string]struct {
		here     []weir.Result
		reason   weir.Reason
		same     bool
		headline string
		says     string // in the differences and notes
	}{
		"the same":        {here: farm, reason: failed, same: true, headline: "2 of 2 tests fail as on the farm"},
		"error for fail":  {here: swap(0, result("p", "A", weir.Fault, "want 1")), reason: failed, same: true, headline: "2 of 2"},
		"another message": {here: swap(0, result("p", "A", weir.Fail, "no disk")), reason: failed, same: true, headline: "2 of 2", says: `"no disk" here`},
		"one passes":      {here: swap(0, result("p", "A", weir.Pass, "")), reason: failed, headline: "1 of 2", says: "p A passes here, and fails on the farm"},
		"one is lost":     {here: swap(2), reason: failed, headline: "2 of 2", says: "p C does not report here, and passes on the farm"},
		"one is skipped":  {here: swap(2, result("p", "C", weir.Skip, "")), reason: failed, headline: "2 of 2", says: "p C is skipped here"},
		"one more":        {here: append(swap(0, farm[0]), result("p", "E", weir.Pass, "")), reason: failed, same: true, headline: "2 of 2", says: "1 test reported only here"},
		"one more bad":    {here: append(swap(0, farm[0]), result("p", "E", weir.Fail, "")), reason: failed, headline: "2 of 2", says: "p E fails here, and did not"},
		"another reason":  {here: farm, reason: weir.Reason{Code: weir.ReasonTimeout}, headline: "2 of 2", says: "timed_out (timeout), and on the farm as failed (tests)"},
	} {
		f := compare(Trial{Expect: Expectation{Outcome: weir.Failed, Reason: failed, Results: farm}},
			execute.Report{Outcome: c.reason.Code.Outcome(), Reason: c.reason, Set: weir.ResultSet{Results: c.here}})
		said := strings.Join(append(f.Differences, f.Notes...), "\n")
		if !f.Tried || f.Same != c.same || !strings.HasPrefix(f.Headline, c.headline) || !strings.Contains(said, c.says) {
			t.Errorf("%s: same %v, %q\n%s", name, f.Same, f.Headline, said)
		}
	}
	for _, code := range []weir.ReasonCode{weir.ReasonSourceDown, weir.ReasonRequested, weir.ReasonCheckout} {
		if f := compare(Trial{Expect: Expectation{Outcome: weir.Failed, Reason: failed}},
			execute.Report{Outcome: code.Outcome(), Reason: weir.Reason{Code: code}}); f.Tried {
			t.Errorf("a build that ended as %s was tried", code)
		}
	}
}

func TestCompareVictims(t *testing.T) {
	t.Parallel()
	a, b := weir.TestID{Suite: "p", Name: "A"}, weir.TestID{Suite: "p", Name: "B"}
	e := Expectation{Outcome: weir.Failed, Reason: weir.Reason{Code: weir.ReasonTests},
		Victims:  []weir.Victim{{Test: a, Verdict: weir.NewlyFailing}, {Test: b, Verdict: weir.NewlyFailing}},
		Observed: []weir.Observed{weir.ObservedBad, weir.ObservedNone}}
	report := execute.Report{Outcome: weir.Failed, Reason: weir.Reason{Code: weir.ReasonTests}, Set: weir.ResultSet{Results: []weir.Result{
		result("p", "A", weir.Fail, ""), result("p", "B", weir.Pass, ""), result("p", "other", weir.Fail, "")}}}
	if f := compare(Trial{Expect: e}, report); !f.Same || f.Headline != "1 of 1 test fails as on the farm" {
		t.Errorf("%+v", f)
	}
	report.Set.Results[0].Status = weir.Pass
	if f := compare(Trial{Expect: e}, report); f.Same || len(f.Differences) != 1 || f.Differences[0] != "p A passes here, and fails on the farm" {
		t.Errorf("%+v", f)
	}
}

// supply has one product, which it says is another.
type supply struct{ content string }

func (s supply) HasProduct(context.Context, weir.BuildID) (bool, error) { return true, nil }
func (s supply) OpenProduct(context.Context, weir.BuildID) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(s.content)), nil
}

// checkouts puts one file into every checkout.
type checkouts struct{}

func (checkouts) Checkout(_ context.Context, _ weir.Source, _, dir string, _ io.Writer) error {
	return os.WriteFile(filepath.Join(dir, "file"), []byte("text"), 0o600)
}

func TestSaveAndOpen(t *testing.T) {
	t.Parallel()
	c := sample()
	for id, r := range c.Recipes {
		r.Spec.Source.Kind, r.Spec.Source.Location = weir.Go, "example.org/"+r.Spec.Project
		c.Recipes[id] = r
	}
	save := func(content string) ([]byte, error) {
		var out bytes.Buffer
		l := &Lab{Case: c, Dir: t.TempDir(), Supply: supply{content}, Runner: execute.Runner{Checkout: checkouts{}}}
		err := Save(t.Context(), l, &out, io.Discard)
		return out.Bytes(), err
	}
	if _, err := save("y"); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("a product with another digest: %v", err)
	}
	data, err := save("x")
	if err != nil {
		t.Fatal(err)
	}
	opened, err := Open(bytes.NewReader(data), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if have, err := opened.HasProduct(t.Context(), 1); !have || err != nil {
		t.Errorf("the product is not there: %v", err)
	}
	dir := t.TempDir()
	spec := c.Recipes[2].Spec
	if err := opened.Checkout(t.Context(), spec.Source, spec.Revision, dir, nil); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "file")); string(text) != "text" {
		t.Errorf("checked out %q, %v", text, err)
	}
	if err := opened.Checkout(t.Context(), c.Recipes[1].Spec.Source, spec.Revision, t.TempDir(), nil); weir.CodeOf(err) != weir.NotFound {
		t.Errorf("a source that is not in it: %v", err)
	}
}

// Sources that a bundle cannot hold are packed as they are checked out, and all
// of history, with nobody's secrets.
func TestPackSource(t *testing.T) {
	t.Parallel()
	var asked weir.Source
	from := asking{&asked}
	for _, c := range []weir.Checkout{{Submodules: true, Depth: 1}, {LFS: true}} {
		src := weir.Source{Kind: weir.Git, Location: "https://example.com/x", Credentials: "KEY", Checkout: c}
		_, form, err := packSource(t.Context(), from, weir.Spec{Source: src}, t.TempDir())
		if err != nil || form != tree || asked.Credentials != "" || asked.Checkout.Depth != 0 || asked.Checkout.LFS != c.LFS {
			t.Errorf("packed as a %s of %+v: %v", form, asked, err)
		}
	}
}

// asking notes what is checked out.
type asking struct{ src *weir.Source }

func (a asking) Checkout(ctx context.Context, src weir.Source, revision, dir string, log io.Writer) error {
	*a.src = src
	return checkouts{}.Checkout(ctx, src, revision, dir, log)
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	store, err := product.New(filepath.Join(base, "own"), 0)
	if err != nil {
		t.Fatal(err)
	}
	l := &Lab{Runner: execute.Runner{Products: store}}
	own, other, taken := filepath.Join(base, "own", key), filepath.Join(base, "a", "b", key), filepath.Join(base, "taken", key)
	if err := os.MkdirAll(taken, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(base, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	shared := filepath.Join(base, "taken", strings.Repeat("b", len(key))) // with a worker
	if err := os.Mkdir(shared, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(shared+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for prefix, want := range map[string]string{own: own, shared: shared, other: other, taken: own, "relative/" + key: own,
		filepath.Join(base, "file", "x", key): own, `C:\cache\` + key: own} {
		for range 2 {
			if got, err := l.place(prefix); got != want || err != nil {
				t.Errorf("%s: %s, %v, want %s", prefix, got, err, want)
			}
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(base)
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	for _, dir := range []string{taken, shared} {
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("what is somebody else's is gone: %v", err)
		}
	}
}
