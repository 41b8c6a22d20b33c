//go:build unix

package repro

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/results"
	"github.com/weir-ci/weir/internal/results/formats"
	"github.com/weir-ci/weir/internal/worker/execute"
	"github.com/weir-ci/weir/internal/worker/product"
)

// quiet follows a build and drops what it prints.
type quiet struct{}

func (quiet) Step(weir.StepRecord) {}
func (quiet) Output(int) io.Writer { return io.Discard }

// nothing is a supply that has lost its products.
type nothing struct{ supply }

func (nothing) HasProduct(context.Context, weir.BuildID) (bool, error) { return false, nil }

// lab makes a lab for a case of an app that runs a tool.
func lab(t *testing.T, c Case) *Lab {
	t.Helper()
	store, err := product.New(filepath.Join(t.TempDir(), "products"), 0)
	if err != nil {
		t.Fatal(err)
	}
	tool, app := c.Recipes[1], c.Recipes[2]
	tool.Spec.Job.Steps = []weir.Step{{Name: "install", Run: `mkdir $WEIR_PREFIX/bin
printf '#!/bin/sh\necho "$0"\n' >$WEIR_PREFIX/bin/tool && chmod +x $WEIR_PREFIX/bin/tool`}}
	app.Spec.Job.Steps = []weir.Step{{Name: "test", Run: `test "$(tool)" = "$WEIR_UPSTREAM_TOOL/bin/tool"
test $WEIR_BUILD = 2; test "$(basename "$PWD")" = app; test $WEIR_PLATFORM = linux/riscv64; test -e file; test -z "$SECRET"`}}
	app.Spec.Inputs[0].Product.Prefix = filepath.Join(t.TempDir(), key)
	c.Recipes[1], c.Recipes[2] = tool, app
	c.Trials[0].Expect.Results = []weir.Result{result(weir.StepSuite, "test", weir.Pass, "")}
	l := &Lab{Case: c, Dir: t.TempDir(), Supply: supply{"x"}, Host: "linux/amd64", Observe: func(string) execute.Observer { return quiet{} },
		Runner: execute.Runner{Checkout: checkouts{}, Products: store, CacheDir: t.TempDir(),
			Environ: []string{"PATH=/usr/bin:/bin", "SECRET=x"},
			Formats: execute.Formats{Read: formats.Read, Normalise: results.Normalise, Encode: results.Encode}}}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// TestUpstreamIsBuilt tries a build whose product is of another platform, and one
// whose farm has lost it.
func TestUpstreamIsBuilt(t *testing.T) {
	t.Parallel()
	other := lab(t, sample())
	other.Host = "linux/riscv64"
	lost := lab(t, sample())
	lost.Supply, lost.Host = nothing{}, "linux/riscv64"
	for name, l := range map[string]*Lab{"another platform": other, "lost": lost} {
		first, err := l.Check(t.Context())
		if err != nil || len(first) != 1 || first[0] != 1 {
			t.Errorf("%s: builds %v first, %v", name, first, err)
		}
		f, err := l.Try(t.Context(), l.Case.Trials[0])
		if err != nil || !f.Same || len(f.Here) != 1 || !strings.Contains(f.Here[0], "the product of tool was built here") ||
			filepath.Base(f.Checkout) != "app" {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

func TestWhatCannotBeTried(t *testing.T) {
	t.Parallel()
	wrong := lab(t, sample()) // its product is not what its digest says
	if first, err := wrong.Check(t.Context()); err != nil || len(first) != 0 {
		t.Errorf("builds %v first, %v", first, err)
	}
	if f, err := wrong.Try(t.Context(), wrong.Case.Trials[0]); weir.CodeOf(err) != weir.Unavailable || f.Same {
		t.Errorf("a product that is no product: %v", err)
	}
	fails := lab(t, sample())
	fails.Rebuild = true
	r := fails.Case.Recipes[1]
	r.Spec.Job.Steps = []weir.Step{{Name: "install", Run: "exit 3"}}
	fails.Case.Recipes[1] = r
	if _, err := fails.Try(t.Context(), fails.Case.Trials[0]); weir.CodeOf(err) != weir.Unavailable ||
		!strings.Contains(err.Error(), "product of tool could not be built here") {
		t.Errorf("an upstream that does not build: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lab(t, sample()).Try(ended, sample().Trials[0]); err == nil {
		t.Error("tried although cancelled")
	}
}
