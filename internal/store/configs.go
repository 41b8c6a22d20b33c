package store

import (
	"context"
	"time"
)

// Limits on what is kept of configurations, in bytes.
const (
	MaxConfigText = 500     // of a version, and of what made the farm read it
	MaxRecipeText = 1 << 20 // of a repository's recipe, and of its problem
)

// Configs keeps what the farm was told to do, and where that came from.
type Configs interface {
	// RecordConfig notes that a version of the configuration is in force from now
	// on. One that is in force already keeps its time.
	RecordConfig(ctx context.Context, c Config) error
	// Configs lists the versions that were in force, newest first.
	Configs(ctx context.Context, limit int) ([]Config, error)
	// RecordRecipe keeps the recipe of a project whose jobs come from its
	// repository, in place of what was known. One with a Problem leaves Text,
	// Revision and Origin of the last good one as they were.
	RecordRecipe(ctx context.Context, r RepositoryRecipe) error
	// Recipes lists them, by project.
	Recipes(ctx context.Context) ([]RepositoryRecipe, error)
	// Rename gives projects and jobs other names, with all their history: builders,
	// revisions, pins, specifications, regressions, in one transaction. Names that
	// are not known any more are passed over, so that it may be said again and again.
	// Conflict if a new name has a history of its own. What people were told in
	// words stays as it was. Jobs are those of the project's new name, if it gets one.
	Rename(ctx context.Context, renames []Renaming, now time.Time) error
}

// Config is a version of the configuration.
type Config struct {
	Version string    `json:"version"` // digits of a hash of what the file says
	Since   time.Time `json:"since"`
	By      string    `json:"by,omitempty"` // what made the farm read it: start, signal, file, a person's name
}

// RepositoryRecipe is where the jobs of a project come from.
type RepositoryRecipe struct {
	Project  string    `json:"project"`
	Revision string    `json:"revision"`          // at which it was read
	Origin   string    `json:"origin"`            // weir.RepositoryRecipe, or detected
	Text     string    `json:"-"`                 // YAML with jobs
	Problem  string    `json:"problem,omitempty"` // of a newer revision whose recipe is not in force; empty: none
	Read     time.Time `json:"read"`
}

// Renaming is a project or a job that has another name now.
type Renaming struct {
	Project, NewProject string
	Job, NewJob         string // empty: the project itself; then NewProject is its new name
}
