package store

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
)

// Yields keeps what builds leave for people: files, numbers, a summary. They
// come with Finish.
type Yields interface {
	// Artifacts lists the files that a build keeps, by path. Those that have expired
	// are among them until ExpireArtifacts removes them.
	Artifacts(ctx context.Context, id weir.BuildID) ([]weir.Artifact, error)
	// ExpireArtifacts removes at most limit artifacts (0: 100; at most 1,000) whose
	// time has come, and returns the digests that nothing refers to any more: no
	// artifact, no log, and no build by its product, its results or what it tries.
	ExpireArtifacts(ctx context.Context, now time.Time, limit int) (removed int, unused []weir.Digest, err error)
	// Notes are the metrics, by name, and the summary of a build.
	Notes(ctx context.Context, id weir.BuildID) (Notes, error)
	// MetricHistory lists a builder's newest values of a metric, oldest first, at
	// most limit (0: 100; at most 1,000): those of builds that advance its baseline.
	MetricHistory(ctx context.Context, builder weir.BuilderID, name string, limit int) ([]MetricPoint, error)
}

// Notes are what a build says of itself.
type Notes struct {
	Summary string        `json:"summary,omitempty"` // Markdown, at most weir.MaxSummary bytes
	Metrics []weir.Metric `json:"metrics,omitempty"`
}

// MetricPoint is a value of a metric.
type MetricPoint struct {
	Build weir.BuildID `json:"build"`
	At    time.Time    `json:"at"` // when the build finished
	Value float64      `json:"value"`
	Unit  string       `json:"unit,omitempty"`
}
