package protocol

import (
	"slices"
	"testing"

	"github.com/weir-ci/weir"
)

func TestOffers(t *testing.T) {
	t.Parallel()
	if got := Offers([]string{"gpu", LabelSteps}, 2); !slices.Equal(got, []string{"gpu"}) {
		t.Errorf("version 2 offers %v", got)
	}
	if got := Offers([]string{"gpu"}, 3); !slices.Equal(got, []string{"gpu", LabelSteps}) {
		t.Errorf("version 3 offers %v", got)
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	step := func(change func(*weir.Step)) func(*weir.Spec) {
		return func(s *weir.Spec) { change(&s.Job.Steps[0]) }
	}
	for name, c := range map[string]struct {
		change func(*weir.Spec)
		want   bool
	}{
		"what there always was": {func(*weir.Spec) {}, false},
		"a cache":               {func(s *weir.Spec) { s.Job.Caches = []weir.Cache{{Key: "k"}} }, false},
		"cleaning up":           {func(s *weir.Spec) { s.Source.Checkout.Clean, s.Source.Checkout.Depth = weir.CleanFresh, 1 }, false},
		"cause and branch":      {func(s *weir.Spec) { s.Cause, s.Branch = weir.CauseChange, "main" }, false},
		"a patch":               {func(s *weir.Spec) { s.Revision = weir.Patched(s.Revision, weir.DigestOf(nil)) }, true},
		"a ref":                 {func(s *weir.Spec) { s.Ref = "refs/pull/1/head" }, true},
		"a stranger":            {func(s *weir.Spec) { s.Untrusted = true }, true},
		"parameters":            {func(s *weir.Spec) { s.Params = []weir.EnvVar{{Name: "a"}} }, true},
		"parameters' defaults":  {func(s *weir.Spec) { s.Job.Params = []weir.Param{{Name: "a"}} }, true},
		"hg":                    {func(s *weir.Spec) { s.Source.Kind = weir.Hg }, true},
		"credentials":           {func(s *weir.Spec) { s.Source.Credentials = "x" }, true},
		"submodules":            {func(s *weir.Spec) { s.Source.Checkout.Submodules = true }, true},
		"large files":           {func(s *weir.Spec) { s.Source.Checkout.LFS = true }, true},
		"a cell":                {func(s *weir.Spec) { s.Job.Cell = "3.14" }, true},
		"the job's shell":       {func(s *weir.Spec) { s.Job.Shell = weir.ShellBash }, true},
		"the job's secrets":     {func(s *weir.Spec) { s.Job.Secrets = []string{"x"} }, true},
		"services":              {func(s *weir.Spec) { s.Job.Services = []weir.Service{{}} }, true},
		"artifacts":             {func(s *weir.Spec) { s.Job.Artifacts = []weir.ArtifactRule{{}} }, true},
		"script":                {step(func(s *weir.Step) { s.Script = "x" }), true},
		"shell":                 {step(func(s *weir.Step) { s.Shell = weir.ShellSh }), true},
		"secrets":               {step(func(s *weir.Step) { s.Secrets = []string{"x"} }), true},
		"when":                  {step(func(s *weir.Step) { s.When = weir.WhenAlways }), true},
		"if":                    {step(func(s *weir.Step) { s.If = "true" }), true},
		"allow_failure":         {step(func(s *weir.Step) { s.AllowFailure = true }), true},
		"retry":                 {step(func(s *weir.Step) { s.Retry = 1 }), true},
	} {
		spec := weir.Spec{Project: "toy", Revision: "v1", Source: weir.Source{Kind: weir.Git},
			Job: weir.Job{Name: "test", Labels: []string{"gpu"}, Env: []weir.EnvVar{{}}, Steps: []weir.Step{{Run: "make"}}}}
		c.change(&spec)
		got := Labels(spec)
		if slices.Contains(got, LabelSteps) != c.want || !slices.Contains(got, "gpu") || len(spec.Job.Labels) != 1 {
			t.Errorf("%s: %v", name, got)
		}
		spec.Job.Labels = got
		if again := Labels(spec); !slices.Equal(again, got) {
			t.Errorf("%s: asked again it is %v", name, again)
		}
	}
}
