package repro

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/product"
)

// Limits on what farms and capsules may say, those of the farm file.
const (
	maxSteps    = 100
	maxRun      = 64 << 10 // bytes of a command
	maxVars     = 256
	maxValue    = 32 << 10 // bytes of a variable's value
	maxInputs   = 256
	maxPatterns = 64
	maxText     = 4 << 10 // bytes of names, locations and paths
	maxLimit    = 24 * time.Hour
)

// check refuses a case that no farm of this version makes. It keeps hostile
// ones from being more than what a person is shown.
func check(c Case) error {
	switch {
	case c.Format != Format:
		return weir.Errorf(weir.Unsupported, "the case has format %d, this version of weir reads %d", c.Format, Format).
			WithHint("use the version of weir that saved it")
	case len(c.Trials) == 0 || len(c.Trials) > MaxTrials || len(c.Recipes) > MaxRecipes:
		return odd("has %d trials and %d recipes", len(c.Trials), len(c.Recipes))
	case len(c.Subject)+len(c.Farm) > maxText || len(c.Notes) > maxSteps:
		return odd("has texts that are too long")
	}
	for _, t := range c.Trials {
		if _, ok := c.Recipes[t.Build]; !ok || t.Build < 1 || len(t.Name) > maxText {
			return odd("has a trial without a recipe: build %d", t.Build)
		}
		if len(t.Expect.Results) > MaxResults || len(t.Expect.Victims) > MaxVictims ||
			len(t.Expect.Observed) != len(t.Expect.Victims) {
			return odd("has too many results")
		}
	}
	for id, r := range c.Recipes {
		if err := checkRecipe(c, id, r); err != nil {
			return err
		}
	}
	return checkCircle(c)
}

func odd(format string, args ...any) error {
	e := weir.Errorf(weir.Invalid, format, args...)
	e.Message = "what is to be reproduced " + e.Message
	return e.WithHint("it is damaged, or made by somebody who means no good; nothing was run")
}

func checkRecipe(c Case, id weir.BuildID, r Recipe) error {
	s := r.Spec
	switch {
	case id < 1 || !weir.ValidName(s.Project) || !weir.ValidName(s.Job.Name) || !s.Platform.Valid():
		return odd("has a build %d of %.80q, job %.80q, on %.40q", id, s.Project, s.Job.Name, s.Platform)
	case !slices.Contains(weir.SourceKinds(), s.Source.Kind) || len(s.Source.Location) > maxText || !plainText(s.Source.Location):
		return odd("has a build %d with the source %.20q %.200q", id, s.Source.Kind, s.Source.Location)
	case s.Revision == "" || len(s.Revision) > maxText || !plainText(s.Revision):
		return odd("has a build %d of the revision %.80q", id, s.Revision)
	case len(s.Inputs) > maxInputs || len(s.Job.Labels) > maxPatterns:
		return odd("has a build %d with %d upstreams", id, len(s.Inputs))
	case s.Job.Product != "" && !product.ValidKey(s.ProductKey):
		return odd("has a build %d with the product key %.40q", id, s.ProductKey)
	}
	for _, in := range s.Inputs {
		if !weir.ValidName(in.Project) || len(in.Revision) > maxText || !plainText(in.Revision) {
			return odd("has a build %d against %.80q at %.80q", id, in.Project, in.Revision)
		}
		if in.Product.Digest == "" {
			continue
		}
		if _, err := weir.ParseDigest(string(in.Product.Digest)); err != nil {
			return odd("has a build %d with the product %.80q of %s", id, in.Product.Digest, in.Project)
		}
		if _, ok := c.Recipes[r.Needs[in.Project]]; !ok {
			return odd("has a build %d, but not the build that made the product of %s for it", id, in.Project)
		}
		if !product.ValidKey(lastElement(in.Product.Prefix)) || len(in.Product.Prefix) > maxText || !plainText(in.Product.Prefix) {
			return odd("has a product for the place %.200q", in.Product.Prefix)
		}
	}
	return checkJob(id, s.Job)
}

// lastElement is the last element of a path of any system.
func lastElement(path string) string { return path[strings.LastIndexAny(path, `/\`)+1:] }

var varForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

func checkJob(id weir.BuildID, j weir.Job) error {
	switch {
	case len(j.Steps) == 0 || len(j.Steps) > maxSteps || len(j.Results) > maxPatterns:
		return odd("has a build %d with %d steps and %d results", id, len(j.Steps), len(j.Results))
	case j.Dir != "" && !weir.ValidName(j.Dir):
		return odd("has a build %d in the directory %.80q", id, j.Dir)
	case j.Timeout < 0 || j.Timeout > maxLimit || j.Quiet < 0 || j.Quiet > maxLimit:
		return odd("has a build %d that may take %v", id, j.Timeout)
	}
	vars := [][]weir.EnvVar{j.Env}
	for _, s := range j.Steps {
		if len(s.Run) > maxRun || len(s.Name) > maxText || s.Timeout < 0 || s.Timeout > maxLimit || s.Quiet < 0 || s.Quiet > maxLimit {
			return odd("has a build %d with a step %.80q that is too large", id, s.Name)
		}
		if s.Dir != "" && !filepath.IsLocal(filepath.FromSlash(s.Dir)) {
			return odd("has a build %d with a step in %.200q", id, s.Dir)
		}
		vars = append(vars, s.Env)
	}
	for _, list := range vars {
		if len(list) > maxVars {
			return odd("has a build %d with %d variables", id, len(list))
		}
		for _, v := range list {
			if !varForm.MatchString(v.Name) || strings.HasPrefix(v.Name, "WEIR_") || len(v.Value) > maxValue {
				return odd("has a build %d with the variable %.80q", id, v.Name)
			}
		}
	}
	for _, f := range j.Results {
		if !slices.Contains(weir.ResultFormats(), f.Format) || len(f.Path) > maxText {
			return odd("has a build %d with results in the format %.20q", id, f.Format)
		}
	}
	return nil
}

// plainText reports whether s is one line without anything invisible.
func plainText(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// checkCircle makes sure that no build needs itself.
func checkCircle(c Case) error {
	const open, done = 1, 2
	state := map[weir.BuildID]int{}
	var visit func(id weir.BuildID) bool
	visit = func(id weir.BuildID) bool {
		switch state[id] {
		case open:
			return false
		case done:
			return true
		}
		state[id] = open
		for _, need := range c.Recipes[id].Needs {
			if _, ok := c.Recipes[need]; ok && !visit(need) {
				return false
			}
		}
		state[id] = done
		return true
	}
	for id := range c.Recipes {
		if !visit(id) {
			return odd("has builds that need themselves")
		}
	}
	return nil
}
