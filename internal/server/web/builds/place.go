package builds

import (
	"fmt"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// PlaceView is what a build ran with, and where that came from.
type PlaceView struct {
	Facts    []page.Fact
	Pins     []page.PinLine
	Inputs   []InputLine
	Product  string // digest of what it hands down; may be empty
	Env      []string
	Secrets  string // names; may be empty
	MoreEnv  int
	Attempts []AttemptLine
}

// InputLine is the product of an upstream.
type InputLine struct {
	Project, Short, Revision, Digest, Size, URL string
}

// maxEnv limits how many variables a page lists.
const maxEnv = 200

func placeView(d farm.BuildDetail, status setup.Status) PlaceView {
	b, job := d.Build, d.Spec.Job
	v := PlaceView{Pins: page.PinLines(b.Pins, b.Builder.Project), Product: page.OneLine(string(b.Product.Digest), 100)}
	fact := func(label, text string) {
		if text != "" {
			v.Facts = append(v.Facts, page.Fact{Label: label, Text: page.OneLine(text, page.MaxSubject)})
		}
	}
	fact("Source", string(d.Spec.Source.Kind)+" "+d.Spec.Source.Location)
	fact("Branch", d.Spec.Branch)
	fact("Ref", d.Spec.Ref)
	fact("Recipe", recipeOf(status, b.Builder.Project))
	fact("Configuration", d.Run.Config)
	fact("Platform", string(b.Builder.Platform))
	fact("Matrix cell", b.Builder.Cell)
	fact("Worker", b.Worker)
	fact("Labels asked for", strings.Join(job.Labels, " "))
	if n := len(d.Attempts); n > 0 {
		fact("Surroundings", d.Attempts[n-1].Surroundings.String())
	}
	var params []string
	for _, p := range d.Spec.Params {
		params = append(params, p.Name+" = "+p.Value)
	}
	fact("Parameters", strings.Join(params, ", "))
	if d.Spec.Untrusted {
		fact("Trust", "the revision is of somebody who may not see secrets")
	}
	for _, in := range d.Spec.Inputs {
		line := InputLine{Project: page.OneLine(in.Project, page.MaxName), Short: shortRev(in.Revision), Revision: page.OneLine(in.Revision, page.MaxName),
			Digest: page.OneLine(string(in.Product.Digest), 100)}
		if in.Product.Size > 0 {
			line.Size = page.Size(in.Product.Size)
		}
		for _, n := range d.Needs {
			if n.Builder.Project == in.Project {
				line.URL = page.BuildURL(n.ID)
			}
		}
		v.Inputs = append(v.Inputs, line)
	}
	for i, e := range job.Env {
		if i == maxEnv {
			v.MoreEnv = len(job.Env) - i
			break
		}
		v.Env = append(v.Env, page.OneLine(e.Name+"="+e.Value, page.MaxSubject))
	}
	var secrets []string
	for _, s := range job.Secrets {
		secrets = append(secrets, page.OneLine(s, page.MaxName))
	}
	v.Secrets = page.List(secrets, 20)
	return v
}

// recipeOf says where the jobs of a project come from.
func recipeOf(s setup.Status, project string) string {
	for _, r := range s.Recipes {
		if r.Project == project && r.Revision != "" {
			return fmt.Sprintf("%s, now at %s", r.Origin, weir.ShortRevision(r.Revision))
		}
	}
	if s.File == "" {
		return ""
	}
	return "the farm's configuration, " + s.File
}
