package ecosystem_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/ecosystem"
)

// farmFile is as much of a farm file as these tests need. They read it
// themselves, so that they say something about the data and nothing about the
// parser.
type farmFile struct {
	Projects map[string]struct {
		Source    struct{ Git string }
		Upstreams []string
		Jobs      map[string]struct {
			Steps   []struct{ Name, Run string }
			Results []map[weir.ResultFormat]string
		}
	}
}

// bench runs what a farm would run, by hand.
type bench struct {
	eco  *ecosystem.Ecosystem
	farm farmFile
}

func newBench(t *testing.T) *bench {
	t.Helper()
	eco, err := ecosystem.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{eco: eco}
	config, err := eco.Config("hangs", "hungry", "nettle", "noisy")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(config, &b.farm); err != nil {
		t.Fatal(err)
	}
	return b
}

// project finds a project by name.
func (b *bench) project(t *testing.T, name string) ecosystem.Project {
	t.Helper()
	for _, p := range b.eco.Projects() {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("there is no project %s", name)
	return ecosystem.Project{}
}

// outcome is what a job said.
type outcome struct {
	step   string // the one that failed, if any
	output string
	tests  map[weir.TestID]weir.Status
}

// build builds brook at a commit and returns its prefix.
func (b *bench) build(t *testing.T, id string) (prefix string, o outcome) {
	t.Helper()
	prefix = filepath.Join(t.TempDir(), "brook")
	return prefix, b.job(t, "brook", id, allSteps, "WEIR_PREFIX="+prefix)
}

// test runs a project's suite at a commit against the brook in prefix.
func (b *bench) test(t *testing.T, project, id, prefix string, env ...string) outcome {
	t.Helper()
	return b.job(t, project, id, allSteps, append(env, weir.UpstreamVar("brook")+"="+prefix,
		"PATH="+filepath.Join(prefix, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))...)
}

const allSteps = 100

// job runs the first steps of a project's only job in a checkout of its own, as
// far as they succeed, and reads the results.
func (b *bench) job(t *testing.T, project, id string, steps int, env ...string) outcome {
	t.Helper()
	dir := t.TempDir()
	checkout(t, b.project(t, project).Repo, id, dir)
	o := outcome{tests: map[weir.TestID]weir.Status{}}
	jobs := b.farm.Projects[project].Jobs
	if len(jobs) != 1 {
		t.Fatalf("%s has %d jobs", project, len(jobs))
	}
	for _, job := range jobs {
		for _, step := range job.Steps[:min(steps, len(job.Steps))] {
			cmd := exec.Command("sh", "-e", "-c", step.Run)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), env...)
			out, err := cmd.CombinedOutput()
			o.output += string(out)
			if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if err != nil {
				o.step = step.Name
				break
			}
		}
		for _, result := range job.Results {
			for format, name := range result {
				readResults(t, format, filepath.Join(dir, name), o.tests)
			}
		}
	}
	return o
}

func checkout(t *testing.T, repo, id, dir string) {
	t.Helper()
	out, err := exec.Command("git", "--git-dir="+repo, "archive", "--format=tar", id).Output()
	if err != nil {
		t.Fatalf("git archive %s in %s: %v", id, repo, err)
	}
	for r := tar.NewReader(bytes.NewReader(out)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o755)
		case tar.TypeReg:
			content, _ := io.ReadAll(r)
			err = os.WriteFile(path, content, h.FileInfo().Mode())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// readResults reads a results file, if there is one. It knows just the
// dialects that the ecosystem speaks.
func readResults(t *testing.T, format weir.ResultFormat, path string, tests map[weir.TestID]weir.Status) {
	t.Helper()
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	switch format {
	case weir.TAP:
		readTAP(text, tests)
	case weir.JUnit:
		readJUnit(t, text, tests)
	case weir.GoTest:
		readGoTest(t, text, tests)
	default:
		t.Fatalf("%s has the format %q", path, format)
	}
}

var tapLine = regexp.MustCompile(`(?m)^(not ok|ok) \d+ - (.*?)( # SKIP .*)?$`)

func readTAP(text []byte, tests map[weir.TestID]weir.Status) {
	for _, m := range tapLine.FindAllStringSubmatch(string(text), -1) {
		status := weir.Pass
		switch {
		case m[3] != "":
			status = weir.Skip
		case m[1] == "not ok":
			status = weir.Fail
		}
		tests[weir.TestID{Name: m[2]}] = status
	}
}

func readJUnit(t *testing.T, text []byte, tests map[weir.TestID]weir.Status) {
	t.Helper()
	var suite struct {
		Cases []struct {
			Class   string    `xml:"classname,attr"`
			Name    string    `xml:"name,attr"`
			Failure *struct{} `xml:"failure"`
		} `xml:"testcase"`
	}
	if err := xml.Unmarshal(text, &suite); err != nil {
		t.Fatal(err)
	}
	for _, c := range suite.Cases {
		status := weir.Pass
		if c.Failure != nil {
			status = weir.Fail
		}
		tests[weir.TestID{Suite: c.Class, Name: c.Name}] = status
	}
}

func readGoTest(t *testing.T, text []byte, tests map[weir.TestID]weir.Status) {
	t.Helper()
	for dec := json.NewDecoder(bytes.NewReader(text)); ; {
		var event struct{ Action, Package, Test string }
		err := dec.Decode(&event)
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if event.Test != "" && (event.Action == "pass" || event.Action == "fail") {
			tests[weir.TestID{Suite: event.Package, Name: event.Test}] = weir.Status(event.Action)
		}
	}
}

// faults is what is wrong in an outcome, by test; expected tests that did not
// report are absent, a failed step that no test explains is a failed test.
func faults(o outcome, expected []weir.TestID) map[weir.TestID]weir.Status {
	out := map[weir.TestID]weir.Status{}
	failed := false
	for id, status := range o.tests {
		if !status.Good() {
			out[id] = status
		}
		failed = failed || status.Bad()
	}
	for _, id := range expected {
		if _, ok := o.tests[id]; !ok && len(o.tests) > 0 && !volatile(id) {
			out[id] = weir.Absent
			failed = true
		}
	}
	if o.step != "" && !failed {
		out[weir.TestID{Suite: weir.StepSuite, Name: o.step}] = weir.Fail
	}
	return out
}

// volatile says whether a test's name differs in each run.
func volatile(id weir.TestID) bool {
	return strings.Contains(id.Name, "0x") || strings.Contains(id.Name, "/tmp/")
}
