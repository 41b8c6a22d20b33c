// Package ecosystem holds the data of a toy ecosystem: the histories of brook,
// a small language, and of the projects that are built on it, with the recipe
// of a farm that tests them and the list of what that farm must find.
//
// README.md explains the format and the plot. The package
// github.com/weir-ci/weir/internal/ecosystem turns the data into git
// repositories.
package ecosystem

import "embed"

// Files holds weir.yaml, extras.yaml, timeline.yaml and, below repos, a
// directory for each project with one txtar file for each commit, in order of
// their names.
//
//go:embed weir.yaml extras.yaml timeline.yaml repos
var Files embed.FS
