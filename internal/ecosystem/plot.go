package ecosystem

import (
	"bytes"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	data "github.com/weir-ci/weir/testdata/ecosystem"
)

const upstream = "brook"

// Culprit is a commit that breaks tests, and what a farm must find out.
type Culprit struct {
	Project string // whose commit it is
	Commit  Commit
	Parent  Commit // with which all victims are good
	Stage   int    // the first stage whose tip has the commit
	// Fixed is the commit of the same project that makes all victims good
	// again, and FixedStage its stage. Both are zero if there is none.
	Fixed      Commit
	FixedStage int
	Victims    []Victims
}

// At reports whether the culprit's victims are bad at a stage.
func (c Culprit) At(stage int) bool {
	return c.Stage <= stage && (c.FixedStage == 0 || stage < c.FixedStage)
}

// Victims are tests of one project that share a fate.
type Victims struct {
	Project string
	Verdict weir.Verdict
	// Tests are named as the project names them. Those of TAP files have no
	// suite here, whatever a reader of results gives them. A step has the
	// suite weir.StepSuite.
	Tests []weir.TestID
}

// plot is timeline.yaml.
type plot struct {
	Stages []struct {
		About string         `yaml:"about"`
		Tips  map[string]int `yaml:"tips"`
	} `yaml:"stages"`
	Unbuildable []int         `yaml:"unbuildable"`
	Culprits    []plotCulprit `yaml:"culprits"`
	AlwaysBad   []plotVictims `yaml:"always_bad"`
	Flaky       []plotVictims `yaml:"flaky"`
	Quiet       []string      `yaml:"quiet"`
}

type plotCulprit struct {
	Project string        `yaml:"project"`
	Commit  int           `yaml:"commit"`
	Title   string        `yaml:"title"`
	Stage   int           `yaml:"stage"`
	Fixed   plotFix       `yaml:"fixed"`
	Victims []plotVictims `yaml:"victims"`
}

type plotFix struct {
	Commit int `yaml:"commit"`
	Stage  int `yaml:"stage"`
}

type plotVictims struct {
	Project string       `yaml:"project"`
	Verdict weir.Verdict `yaml:"verdict"`
	Suite   string       `yaml:"suite"`
	Tests   []string     `yaml:"tests"`
}

// readPlot reads the timeline and holds it against the histories.
func readPlot(projects map[string]project) (plot, error) {
	var p plot
	text, err := data.Files.ReadFile("timeline.yaml")
	if err != nil {
		return p, weir.Errorf(weir.Internal, "timeline.yaml cannot be read: %w", err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&p); err != nil {
		return p, weir.Errorf(weir.Internal, "timeline.yaml: %w", err)
	}
	for i := range p.Stages {
		for name, n := range p.Stages[i].Tips {
			if n < 1 || n > len(projects[name].commits) || i > 0 && n <= p.tip(i-1, name) {
				return p, weir.Errorf(weir.Internal, "timeline.yaml: stage %d cannot end %s with commit %d", i, name, n)
			}
		}
	}
	for _, c := range p.Culprits {
		commits := projects[c.Project].commits
		switch {
		case c.Commit < 2 || c.Commit > len(commits) || commits[c.Commit-1].Title() != c.Title:
			return p, weir.Errorf(weir.Internal, "timeline.yaml: commit %d of %s is not %q", c.Commit, c.Project, c.Title)
		case c.Stage != p.stageOf(c.Project, c.Commit):
			return p, weir.Errorf(weir.Internal, "timeline.yaml: stage %d does not bring %q", c.Stage, c.Title)
		case c.Fixed.Commit != 0 && (c.Fixed.Commit > len(commits) || c.Fixed.Stage != p.stageOf(c.Project, c.Fixed.Commit)):
			return p, weir.Errorf(weir.Internal, "timeline.yaml: stage %d does not fix %q", c.Fixed.Stage, c.Title)
		}
	}
	for _, n := range p.Unbuildable {
		if n < 1 || n > len(projects[upstream].commits) {
			return p, weir.Errorf(weir.Internal, "timeline.yaml: %s has no commit %d", upstream, n)
		}
	}
	return p, nil
}

// tip is the number of the commit that the project ends with at a stage.
func (p plot) tip(stage int, project string) int {
	for ; stage >= 0; stage-- {
		if n, ok := p.Stages[stage].Tips[project]; ok {
			return n
		}
	}
	return 1
}

// stageOf is the first stage that has a commit, or -1.
func (p plot) stageOf(project string, number int) int {
	for stage := range p.Stages {
		if p.tip(stage, project) >= number {
			return stage
		}
	}
	return -1
}

func (v plotVictims) resolve(verdict weir.Verdict) Victims {
	out := Victims{Project: v.Project, Verdict: verdict}
	for _, name := range v.Tests {
		out.Tests = append(out.Tests, weir.TestID{Suite: v.Suite, Name: name})
	}
	return out
}

// Culprits lists the commits that a farm must find, in order of their stages.
func (e *Ecosystem) Culprits() []Culprit {
	var out []Culprit
	for _, pc := range e.plot.Culprits {
		commits := e.projects[pc.Project].commits
		c := Culprit{Project: pc.Project, Commit: commits[pc.Commit-1], Parent: commits[pc.Commit-2], Stage: pc.Stage}
		if pc.Fixed.Commit != 0 {
			c.Fixed, c.FixedStage = commits[pc.Fixed.Commit-1], pc.Fixed.Stage
		}
		for _, v := range pc.Victims {
			c.Victims = append(c.Victims, v.resolve(v.Verdict))
		}
		out = append(out, c)
	}
	return out
}

// AlwaysBad lists what is bad from before stage 0 on, and is therefore Same.
func (e *Ecosystem) AlwaysBad() []Victims {
	var out []Victims
	for _, v := range e.plot.AlwaysBad {
		out = append(out, v.resolve(weir.Same))
	}
	return out
}

// FlakyTests lists the tests that fail now and then and have no culprit.
func (e *Ecosystem) FlakyTests() []Victims {
	var out []Victims
	for _, v := range e.plot.Flaky {
		out = append(out, v.resolve(weir.Flaky))
	}
	return out
}

// Quiet names the projects of the demo about which nothing bad may be said.
func (e *Ecosystem) Quiet() []string { return slices.Clone(e.plot.Quiet) }

// Unbuildable lists the commits of brook that do not build, oldest first.
func (e *Ecosystem) Unbuildable() []Commit {
	var out []Commit
	for _, n := range e.plot.Unbuildable {
		out = append(out, e.projects[upstream].commits[n-1])
	}
	return out
}
