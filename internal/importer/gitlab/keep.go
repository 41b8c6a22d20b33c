package gitlab

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/importer/draft"
)

// keep reads artifacts, and among them the reports of tests.
func (p *pipeline) keep(n *yaml.Node, title string, j *weir.Job) {
	rule := weir.ArtifactRule{Keep: days(draft.Text(draft.Get(n, "expire_in")))}
	switch draft.Text(draft.Get(n, "when")) {
	case "on_failure":
		rule.When = weir.WhenFailed
	case "always":
		rule.When = weir.WhenAlways
	}
	for _, path := range draft.Texts(draft.Get(n, "paths")) {
		one := rule
		if one.Path = draft.RelativePath(path); one.Path == "" || strings.ContainsAny(path, "[{") {
			p.Note(n, "job %s: the artifact %s was not taken over", title, draft.Title(path))
			continue
		}
		if len(j.Artifacts) < 30 && !slices.Contains(j.Artifacts, one) {
			j.Artifacts = append(j.Artifacts, one)
		}
	}
	for _, e := range draft.Entries(draft.Get(n, "reports")) {
		if e.Name != "junit" {
			p.Note(e.Key, "job %s: reports of the kind %s were not taken over", title, draft.Title(e.Name))
			continue
		}
		for _, path := range draft.Texts(e.Value) {
			file := weir.ResultFile{Format: weir.JUnit, Path: draft.RelativePath(path)}
			if file.Path != "" && !strings.Contains(file.Path, "[") && !slices.Contains(j.Results, file) && len(j.Results) < 30 {
				j.Results = append(j.Results, file)
			}
		}
	}
}

// days reads how long something is kept; 0 if it is not known.
func days(s string) time.Duration {
	number, unit, _ := strings.Cut(strings.TrimSpace(s), " ")
	n, err := strconv.Atoi(number)
	if err != nil || n <= 0 || n > 3650 {
		return 0
	}
	for _, u := range []struct {
		name string
		is   time.Duration
	}{{"hour", time.Hour}, {"day", 24 * time.Hour}, {"week", 7 * 24 * time.Hour}, {"month", 30 * 24 * time.Hour}, {"year", 365 * 24 * time.Hour}} {
		if strings.HasPrefix(unit, u.name) {
			return min(time.Duration(n)*u.is, 365*24*time.Hour)
		}
	}
	return 0
}

// caches reads caches with a key that is plain or made of files.
func (p *pipeline) caches(n *yaml.Node, title string, j *weir.Job) {
	for _, item := range draft.Items(n) {
		c := weir.Cache{Key: draft.Text(draft.Get(item, "key"))}
		for _, file := range draft.Texts(draft.Get(item, "key", "files")) {
			if f := draft.RelativePath(file); f != "" && !strings.ContainsAny(f, "[{}") {
				c.Key = strings.TrimPrefix(c.Key+"-{hash:"+f+"}", "-")
			}
		}
		for _, path := range draft.Texts(draft.Get(item, "paths")) {
			if path = draft.RelativePath(path); path != "" {
				c.Paths = append(c.Paths, path)
			}
		}
		c.Key = strings.NewReplacer("$CI_COMMIT_REF_SLUG", "{branch}", "${CI_COMMIT_REF_SLUG}", "{branch}", "$CI_JOB_NAME", "{job}", "${CI_JOB_NAME}", "{job}").Replace(c.Key)
		if c.Key == "" || len(c.Paths) == 0 || strings.Contains(c.Key, "$") || strings.ContainsAny(c.Key, "\n") || len(c.Key) > 200 || len(j.Caches) == 16 ||
			strings.Count(c.Key, "{") != strings.Count(c.Key, "}") || draft.IsMap(draft.Get(item, "key")) && !strings.Contains(c.Key, "{hash:") {
			p.Note(item, "job %s: a cache was not taken over", title)
			continue
		}
		c.Key = draft.Title(c.Key)
		j.Caches = append(j.Caches, c)
	}
}

// matrix reads parallel: a number, or a list of mappings with lists of values.
func (p *pipeline) matrix(n *yaml.Node, title string, j *weir.Job) {
	if n == nil {
		return
	}
	list := draft.Items(draft.Get(n, "matrix"))
	if len(list) == 0 {
		p.Note(n, "job %s: parallel: %s was not taken over: it is built once", title, draft.Title(draft.Text(n)))
		return
	}
	var cells []weir.Cell
	for _, item := range list {
		var axes []draft.Axis
		for _, e := range draft.Entries(item) {
			if values := draft.Texts(e.Value); len(values) > 0 {
				axes = append(axes, draft.Axis{Name: draft.AxisName(e.Name), Values: values})
			}
		}
		more, ok := draft.Cells(axes)
		if !ok || len(cells)+len(more) > draft.MaxCells {
			p.Note(n, "job %s: its matrix has more than %d cells", title, draft.MaxCells)
			return
		}
		if len(axes) > 0 {
			cells = append(cells, more...)
		}
	}
	if len(cells) == 0 {
		return
	}
	lost := 0
	if j.Cells, lost = draft.Finish(cells); lost > 0 {
		p.Note(n, "job %s: %d cells of its matrix cannot be named, or are there twice", title, lost)
	}
}
