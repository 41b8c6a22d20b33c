package recipe_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
)

// graph is a farm whose projects form a diamond with a tail:
//
//	base -> left, right -> top -> app; base hands down a product, right two,
//	left none.
const graph = `
projects:
  base:
    source: {git: https://example.org/base.git, branch: main}
    jobs:
      build: {platforms: [linux/amd64, darwin/arm64, windows/amd64], steps: [make], product: $WEIR_PREFIX}
      lint: {steps: [make lint]}
  left:
    source: {git: https://example.org/left.git}
    upstreams: [base]
    jobs:
      test: {steps: [make]}
  right:
    source: {git: https://example.org/right.git}
    upstreams: [base]
    jobs:
      build: {platforms: [darwin/arm64, linux/amd64], steps: [make], product: "${WEIR_PREFIX}/"}
      other: {steps: [make], product: $WEIR_PREFIX}
  top:
    source: {go: example.org/top}
    upstreams: [{project: right, job: build}, left, base]
    jobs:
      one: {platforms: [linux/amd64], steps: [make]}
      test: {steps: [make]}
  app:
    source: {git: https://example.org/app.git}
    upstreams: [left]
    jobs:
      test: {steps: [make]}
`

func parse(t *testing.T, text string) *recipe.Farm {
	t.Helper()
	farm, problems := recipe.Parse("weir.yaml", []byte(text))
	if problems.Err() != nil {
		t.Fatal(problems.Format())
	}
	return farm
}

func TestExpand(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, platforms, want string
	}{
		{"host", "", `
			app/test linux/riscv64 <left>
			base/build main linux/amd64 <>
			base/build main darwin/arm64 <>
			base/build main windows/amd64 <>
			base/lint main linux/riscv64 <>
			left/test linux/amd64 <base>
			left/test darwin/arm64 <base>
			left/test windows/amd64 <base>
			right/build darwin/arm64 <base>
			right/build linux/amd64 <base>
			right/other linux/amd64 <base>
			right/other darwin/arm64 <base>
			right/other windows/amd64 <base>
			top/one linux/amd64 <base,left,right>
			top/test linux/amd64 <base,left,right>
			top/test darwin/arm64 <base,left,right>`},
		{"defaults", "platforms: [linux/arm64, freebsd/amd64]", `
			app/test linux/arm64 <left>
			app/test freebsd/amd64 <left>
			base/build main linux/amd64 <>
			base/build main darwin/arm64 <>
			base/build main windows/amd64 <>
			base/lint main linux/arm64 <>
			base/lint main freebsd/amd64 <>
			left/test linux/amd64 <base>`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			farm := parse(t, test.platforms+graph)
			var got []string
			for _, p := range recipe.Expand(farm, "linux/riscv64") {
				got = append(got, p.Key.Name()+" <"+p.Key.Upstreams+">")
			}
			want := strings.Split(strings.ReplaceAll(strings.TrimSpace(test.want), "\t", ""), "\n")
			if test.platforms != "" {
				got = got[:len(want)]
			}
			if !slices.Equal(got, want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

func TestRing(t *testing.T) {
	t.Parallel()
	ring := &recipe.Farm{Projects: []weir.Project{
		{Name: "a", Upstreams: []weir.Upstream{{Project: "b", Job: "j"}}, Jobs: []weir.Job{{Name: "j", Product: "p"}}},
		{Name: "b", Upstreams: []weir.Upstream{{Project: "a", Job: "j"}, {Project: "gone", Job: "j"}}, Jobs: []weir.Job{{Name: "j", Product: "p"}}},
	}}
	recipe.Expand(ring, "linux/amd64") // must end
}

func TestSpec(t *testing.T) {
	t.Parallel()
	farm := parse(t, graph)
	plans := map[string]recipe.Plan{}
	for _, p := range recipe.Expand(farm, "linux/amd64") {
		plans[p.Key.Project+"/"+p.Key.Job+" "+string(p.Key.Platform)] = p
	}
	pins := weir.Pins{"base": "b1", "left": "l1", "right": "r1", "top": "v1.0.0", "app": "a1"}
	spec := plans["top/test linux/amd64"].Spec(pins)
	want := []weir.UpstreamSpec{{Project: "base", Revision: "b1"}, {Project: "left", Revision: "l1"}, {Project: "right", Revision: "r1"}}
	if !slices.Equal(spec.Inputs, want) {
		t.Errorf("inputs are %v, want %v", spec.Inputs, want)
	}
	if spec.Revision != "v1.0.0" || spec.Source.Kind != weir.Go || spec.ProductKey != "" || spec.Platform != "linux/amd64" {
		t.Errorf("spec is %+v", spec)
	}
	right := plans["right/build linux/amd64"]
	if right.Job.Product != "$WEIR_PREFIX" {
		t.Errorf("product is %s", right.Job.Product)
	}
	key := right.Spec(pins).ProductKey
	if len(key) != 20 || strings.Trim(key, "0123456789abcdef") != "" {
		t.Errorf("product key is %q", key)
	}
	other := func(name, revision string) weir.Pins {
		p := weir.Pins{}
		for k, v := range pins {
			p[k] = v
		}
		p[name] = revision
		return p
	}
	if right.Spec(other("left", "l2")).ProductKey != key {
		t.Error("the product depends on a project that is not upstream of it")
	}
	for what, k := range map[string]string{
		"upstream": right.Spec(other("base", "b2")).ProductKey,
		"itself":   right.Spec(other("right", "r2")).ProductKey,
		"platform": plans["right/build darwin/arm64"].Spec(pins).ProductKey,
		"job":      plans["right/other linux/amd64"].Spec(pins).ProductKey,
	} {
		if k == key || len(k) != 20 {
			t.Errorf("with another %s the product key is %q", what, k)
		}
	}
}

func TestStepNames(t *testing.T) {
	t.Parallel()
	farm := parse(t, `
projects:
  a:
    source: {go: example.org/a}
    jobs:
      test:
        steps:
          - go test ./...
          - go test -race ./...
          - GOFLAGS=-mod=mod A=1 go get example.org/b@v1.0.0
          - ./configure --prefix=x
          - {name: make, run: make}
          - make
          - |
            cd sub
            make
          - (cd x && make)
          - "$TOOL run"
          - A=1
          - /usr/bin/python3 -m venv .venv
`)
	var got []string
	for _, s := range farm.Projects[0].Jobs[0].Steps {
		got = append(got, s.Name)
	}
	want := "go test|go test 2|go get|configure|make|make 2|cd sub|step 8|step 9|step 10|python3"
	if strings.Join(got, "|") != want {
		t.Errorf("names are %s, want %s", strings.Join(got, "|"), want)
	}
}

func TestAnchors(t *testing.T) {
	t.Parallel()
	farm, problems, err := recipe.Load("testdata/valid/anchors.yaml")
	if err != nil {
		t.Fatal(problems.Format())
	}
	p := farm.Projects[0]
	if p.Source.Branch != "3.12" || p.Source.From != "1234567" || farm.Worker.Slots != 4 {
		t.Errorf("numbers are read as %+v, %d slots", p.Source, farm.Worker.Slots)
	}
	var got []string
	for _, j := range p.Jobs {
		got = append(got, fmt.Sprint(j.Name, " ", j.Timeout, " ", j.Quiet, " ", j.Env))
	}
	want := []string{
		"3.13 1m30s 5m0s [{A 2} {B true} {C 1.50} {D } {E 2024-01-02}]",
		"one 1m30s 0s [{A 1} {B true} {C 1.50} {D } {E 2024-01-02}]",
		"two 1h30m0s 0s [{A 1} {B true} {C 1.50} {D } {E 2024-01-02}]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
