package store

import (
	"io/fs"
	"math"
	"strings"
	"unicode"

	"github.com/weir-ci/weir"
)

// Limits on what a build leaves for people, beside those of package weir.
const (
	MaxArtifactPath = 1000 // bytes
	MaxMetricUnit   = 50   // bytes
)

// checkYields looks at what a build leaves for people.
func (f Finish) checkYields() error {
	switch {
	case len(f.Artifacts) > weir.MaxArtifacts:
		return weir.Errorf(weir.Invalid, "attempt %s keeps %d files; %d are the most", f.Attempt, len(f.Artifacts), weir.MaxArtifacts)
	case len(f.Metrics) > weir.MaxMetrics:
		return weir.Errorf(weir.Invalid, "attempt %s measured %d numbers; %d are the most", f.Attempt, len(f.Metrics), weir.MaxMetrics)
	case len(f.Summary) > weir.MaxSummary:
		return weir.Errorf(weir.Invalid, "the summary of attempt %s has %d bytes; %d are the most", f.Attempt, len(f.Summary), weir.MaxSummary)
	}
	for _, a := range f.Artifacts {
		if err := checkArtifact(a); err != nil {
			return err
		}
	}
	for _, m := range f.Metrics {
		switch {
		case m.Name == "" || len(m.Name) > weir.MaxMetricName || len(m.Unit) > MaxMetricUnit || strings.ContainsFunc(m.Name+m.Unit, unicode.IsControl):
			return weir.Errorf(weir.Invalid, "%.80q in %.80q is no name of a metric, with at most %d and %d bytes on one line", m.Name, m.Unit, weir.MaxMetricName, MaxMetricUnit)
		case math.IsNaN(m.Value) || math.IsInf(m.Value, 0):
			return weir.Errorf(weir.Invalid, "the metric %.80q is %g, which is no number", m.Name, m.Value)
		}
	}
	return nil
}

// checkArtifact is Invalid unless a file can be kept under its path: one below the
// checkout.
func checkArtifact(a weir.Artifact) error {
	switch {
	case !fs.ValidPath(a.Path) || a.Path == "." || len(a.Path) > MaxArtifactPath ||
		strings.ContainsFunc(a.Path, func(r rune) bool { return r == '\\' || unicode.IsControl(r) }):
		return weir.Errorf(weir.Invalid, "%.80q is no path that a file can be kept under", a.Path).
			WithHint("a path is relative, with slashes, without . and .. and backslashes, of at most %d bytes", MaxArtifactPath)
	case a.Size < 0:
		return weir.Errorf(weir.Invalid, "the file %.80q has %d bytes", a.Path, a.Size)
	}
	_, err := weir.ParseDigest(string(a.Digest))
	return err
}
