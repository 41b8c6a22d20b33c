package builds

import (
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/beside"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// BuildActs is what somebody who is signed in can do with a build. The buttons are
// there for everybody, and lead to where one signs in.
type BuildActs struct {
	Who    string // empty: nobody is signed in
	Next   string // where to go on then
	Build  string
	Cancel string // URL; empty: it is over
	Rerun  string // URL; empty: it is not over
	Failed bool   // what failed of the run can be run again
}

// KeptView is what a build left for people.
type KeptView struct {
	Files     []KeptFile
	More      int // files that are not listed
	Size      string
	Metrics   []MetricLine
	MetricsTo string // the build that they are held against; may be empty
	NoFiles   page.EmptyView
	NoMetrics page.EmptyView
}

// KeptFile is an artifact.
type KeptFile struct {
	Path, URL, Size string
	Expires         page.When
	Digest          string
}

// MetricLine is a number that a build measured, and the one before.
type MetricLine struct{ Name, Value, Before, Change string }

const (
	maxKept        = 200 // files and metrics that a page lists
	maxSummaryPage = 16 << 10
)

func (s *site) acts(r *http.Request, v *BuildView, b weir.Build) {
	id := strconv.FormatInt(int64(b.ID), 10)
	v.Acts = BuildActs{Who: s.Who(r), Next: page.BuildURL(b.ID), Build: id, Failed: b.State.Final() && b.Outcome != weir.Passed}
	if b.State.Final() {
		v.Acts.Rerun = "/runs/" + strconv.FormatInt(int64(b.Run), 10) + "/rerun"
	} else {
		v.Acts.Cancel = "/builds/" + id + "/cancel"
	}
}

// keptView lists what a build left.
func keptView(id weir.BuildID, files []weir.Artifact, metrics []beside.Metric, previous weir.BuildID, at func(weir.Artifact) page.When) KeptView {
	v := KeptView{NoFiles: page.EmptyView{Text: "This build keeps no files.", Next: "A job keeps what the key artifacts of its recipe names: see docs/recipe.md."},
		NoMetrics: page.EmptyView{Text: "This build measured nothing.", Next: "A step measures by writing NAME=VALUE lines into the file $WEIR_METRICS: see docs/recipe.md."}}
	total := int64(0)
	for i, f := range files {
		if total += f.Size; i >= maxKept {
			v.More++
			continue
		}
		v.Files = append(v.Files, KeptFile{Path: page.OneLine(f.Path, page.MaxSubject), Size: page.Size(f.Size), Expires: at(f), Digest: page.OneLine(string(f.Digest), 100),
			URL: page.APIPrefix + "builds/" + strconv.FormatInt(int64(id), 10) + "/artifact?path=" + url.QueryEscape(f.Path)})
	}
	if len(files) > 1 {
		v.Size = page.Size(total) + " in all"
	}
	for _, m := range metrics[:min(len(metrics), maxKept)] {
		line := MetricLine{Name: page.OneLine(m.Name, page.MaxName), Value: number(m.Value, m.Unit)}
		if m.Before != nil {
			line.Before, line.Change = number(*m.Before, m.Unit), change(*m.Before, m.Value)
		}
		v.Metrics = append(v.Metrics, line)
	}
	if previous != 0 {
		v.MetricsTo = "build " + strconv.FormatInt(int64(previous), 10)
	}
	return v
}

func number(value float64, unit string) string {
	return strings.TrimSpace(strconv.FormatFloat(value, 'g', 6, 64) + " " + page.OneLine(unit, 20))
}

// change says by how much a number has changed; empty if it has not.
func change(from, to float64) string {
	switch {
	case from == to || math.IsNaN(from) || math.IsNaN(to):
		return ""
	case from == 0 || math.IsInf(from, 0) || math.IsInf(to, 0):
		return "changed"
	}
	percent := (to - from) / math.Abs(from) * 100
	if math.Abs(percent) < 0.05 {
		return "less than 0.1 %"
	}
	return strings.Replace(strconv.FormatFloat(percent, 'f', 1, 64), "-", "−", 1) + " %"
}

// metricsOf are measurements of which nothing is known before.
func metricsOf(n farm.Notes) (list []beside.Metric) {
	for _, m := range n.Metrics {
		list = append(list, beside.Metric{Metric: m})
	}
	return list
}
