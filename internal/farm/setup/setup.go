// Package setup is what a farm was told to do, and how that changes while it
// runs.
//
// A [Keeper] watches the farm file. When the file changes, or somebody says so,
// it reads the file and puts it in force: whole, or not at all. A file with
// mistakes leaves everything as it was, and the [Board] says so to everybody who
// looks, until the file is good again. Nobody has to restart a farm to add a
// project, and a slip of the pen stops nothing.
//
//	file, signal, person -> Keeper -> recipe.Parse -> jobs of repositories -> Farm.Configure
//	                          |                                                    |
//	                          +-- mistakes, what needs a restart --> Board <-------+
//
// What is in force has a version: a few digits of a hash of what it says. Each
// run carries the version that made it.
//
// Some things are taken from the file only when the program starts, because they
// say what the program is: where it listens, where its data lies, which database
// it uses, its own worker, how it sends mail. If one of those changes, the rest
// of the file is put in force, and the board says what waits for a restart.
//
// Builds that exist are not touched by any of this, not even if their job is
// gone: what they do was fixed when they were made.
package setup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sync"
	"time"

	"github.com/weir-ci/weir/internal/recipe"
)

// Status is how a farm stands with its configuration.
type Status struct {
	Turn    int64     `json:"-"`       // counts the changes of the board
	Name    string    `json:"-"`       // of the farm
	Version string    `json:"version"` // of what is in force; see Version
	Since   time.Time `json:"since,omitzero"`
	By      string    `json:"by,omitempty"`   // what made the farm read it: start, signal, file, a person's name
	File    string    `json:"file,omitempty"` // name of the farm file, without its directory; empty: there is none to read again
	Read    time.Time `json:"read,omitzero"`  // when the file was last read
	// Errors is how many mistakes the file has as it is now; above 0 it is not in
	// force. Problems are the first ones of them, at most MaxProblems.
	Errors   int       `json:"errors,omitempty"`
	Problems []Problem `json:"problems,omitempty"`
	// Warnings are about the file that is in force, at most MaxProblems of them.
	Warnings []Problem `json:"warnings,omitempty"`
	// Restart lists keys whose new values wait for the next start.
	Restart []string `json:"restart,omitempty"`
	// Recipes says where the jobs come from that are not in the file, by project.
	Recipes []Recipe `json:"recipes,omitempty"`
}

// Bad reports whether the file as it is now is not in force.
func (s Status) Bad() bool { return s.Errors > 0 }

// Recipe is where the jobs of a project come from that its repository decides on.
type Recipe struct {
	Project  string    `json:"project"`
	Revision string    `json:"revision,omitempty"` // at which it was read; empty: there is none yet
	Origin   string    `json:"origin,omitempty"`   // weir.RepositoryRecipe, or detected
	Problem  string    `json:"problem,omitempty"`  // of a newer one, which is not in force
	Read     time.Time `json:"read,omitzero"`
}

// Problem is one thing that is wrong with a file, safe to show to everybody.
type Problem struct {
	Line    int    `json:"line,omitempty"` // from 1; 0: it has no place
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// MaxProblems limits each list of problems of a Status.
const MaxProblems = 5

// Board shows how the farm stands with its configuration. The zero value is
// ready for use, by several goroutines.
type Board struct {
	mu     sync.Mutex
	status Status
}

// Status reads the board. What it returns must not be changed.
func (b *Board) Status() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status
}

// Change changes what the board shows. Lists must be replaced, never changed in place.
func (b *Board) Change(change func(*Status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.status)
	b.status.Turn++
}

// versionLength is the number of hex digits of a version.
const versionLength = 12

// Version names what a farm was told to do: equal for files that mean the same,
// on whichever server, and different for all others. What belongs to one server
// and only its start can change, such as its address, does not count.
func Version(f *recipe.Farm) string {
	own := withStartOf(f, &recipe.Farm{})       // among it are passwords, which nobody must guess from a hash
	owners := make([][]string, len(f.Projects)) // not in the JSON of a project
	for i, p := range f.Projects {
		owners[i] = p.Owners
	}
	data, err := json.Marshal(struct {
		Farm   recipe.Farm
		Owners [][]string
	}{*own, owners})
	if err != nil { // cannot happen: plain values
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])[:versionLength]
}

// startKeys are the keys of the farm file that only a start puts in force.
var startKeys = [...]string{"listen", "url", "trusted_proxies", "data", "database", "worker", "mail"}

// withStartOf is the farm with what only a start can change as another one has it.
func withStartOf(f, other *recipe.Farm) *recipe.Farm {
	own := *f
	own.Listen, own.URL, own.Data, own.Database = other.Listen, other.URL, other.Data, other.Database
	own.Worker, own.Mail, own.TrustedProxies = other.Worker, other.Mail, other.TrustedProxies
	return &own
}
