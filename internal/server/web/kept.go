package web

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// BuildActs is what somebody who is signed in can do with a build.
type BuildActs struct {
	Who    string // empty: nobody is signed in, and there is nothing to do
	Build  string
	Cancel string // URL; empty: it is over
	Rerun  string // URL; empty: it is not over
}

// KeptView is what a build left for people.
type KeptView struct {
	Files   []KeptFile
	More    int // files that are not listed
	Metrics []MetricLine
	Summary string
}

// KeptFile is an artifact.
type KeptFile struct {
	Path, URL, Size string
	Expires         page.When
}

// MetricLine is a number that a build measured.
type MetricLine struct{ Name, Value string }

const (
	maxKept        = 200 // files and metrics that a page lists
	maxSummaryPage = 16 << 10
)

// kept fills in what people can do with a build, and what it left for them. What
// cannot be read costs its place, not the page.
func (s *Site) kept(r *http.Request, v *BuildView, b weir.Build) {
	id := strconv.FormatInt(int64(b.ID), 10)
	if v.Acts.Who = s.who(r); v.Acts.Who != "" {
		v.Acts.Build = id
		if b.State.Final() {
			v.Acts.Rerun = "/runs/" + strconv.FormatInt(int64(b.Run), 10) + "/rerun"
		} else {
			v.Acts.Cancel = "/builds/" + id + "/cancel"
		}
	}
	if !b.State.Final() {
		return
	}
	files, err := s.farm.Artifacts(r.Context(), b.ID)
	if err != nil {
		s.log.WarnContext(r.Context(), "artifacts cannot be read", "build", b.ID, "error", err)
	}
	for i, f := range files {
		if i == maxKept {
			v.Kept.More = len(files) - i
			break
		}
		v.Kept.Files = append(v.Kept.Files, KeptFile{Path: page.OneLine(f.Path, page.MaxSubject), Size: page.Size(f.Size), Expires: page.At(f.Expires, s.now()),
			URL: "/api/v1/builds/" + id + "/artifact?path=" + url.QueryEscape(f.Path)})
	}
	notes, err := s.farm.Notes(r.Context(), b.ID)
	if err != nil {
		s.log.WarnContext(r.Context(), "metrics cannot be read", "build", b.ID, "error", err)
	}
	for i, m := range notes.Metrics {
		if i == maxKept {
			break
		}
		v.Kept.Metrics = append(v.Kept.Metrics, MetricLine{page.OneLine(m.Name, page.MaxName),
			strconv.FormatFloat(m.Value, 'g', 8, 64) + " " + page.OneLine(m.Unit, 20)})
	}
	v.Kept.Summary = page.Clean(notes.Summary, maxSummaryPage)
}
