package client

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"
)

// Setup is how a farm stands with its configuration.
type Setup struct {
	Version string    `json:"version"` // of what is in force: digits of a hash of what it says
	Since   time.Time `json:"since,omitzero"`
	By      string    `json:"by,omitempty"`   // what made the farm read it: start, signal, file, a person's name
	File    string    `json:"file,omitempty"` // name of the farm file; empty: there is none to read again
	Read    time.Time `json:"read,omitzero"`  // when the file was last read
	// Errors is how many mistakes the file has as it is now; above 0 it is not in
	// force. Problems are the first ones of them.
	Errors   int            `json:"errors,omitempty"`
	Problems []SetupProblem `json:"problems,omitempty"`
	Warnings []SetupProblem `json:"warnings,omitempty"` // about the file that is in force
	Restart  []string       `json:"restart,omitempty"`  // keys whose new values wait for the next start
	// Recipes says where the jobs come from that are not in the file, by project.
	Recipes []RepositoryRecipe `json:"recipes,omitempty"`
}

// SetupProblem is one thing that is wrong with a farm file.
type SetupProblem struct {
	Line    int    `json:"line,omitempty"` // from 1; 0: it has no place
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// RepositoryRecipe is where the jobs of a project come from that its repository
// decides on.
type RepositoryRecipe struct {
	Project  string    `json:"project"`
	Revision string    `json:"revision,omitempty"` // at which it was read; empty: there is none yet
	Origin   string    `json:"origin,omitempty"`   // .weir.yaml, or detected
	Problem  string    `json:"problem,omitempty"`  // of a newer one, which is not in force
	Read     time.Time `json:"read,omitzero"`
}

// Reload says what came of reading the farm file again, or what would.
type Reload struct {
	Version  string         `json:"version"` // what is in force now; of a comparison, what would be
	Applied  bool           `json:"applied"` // the file is in force, whether or not that changed anything
	Errors   int            `json:"errors,omitempty"`
	Problems []SetupProblem `json:"problems,omitempty"` // the first of so many mistakes; the file is not in force
	Warnings []SetupProblem `json:"warnings,omitempty"`
	Restart  []string       `json:"restart,omitempty"` // keys that wait for the next start
	Diff     SetupDiff      `json:"diff"`
}

// SetupDiff is what differs between what is in force and a farm file.
type SetupDiff struct {
	Changes []SetupChange `json:"changes"`           // settings first, then projects by name, each followed by what differs in it
	Omitted int           `json:"omitted,omitempty"` // how many there are beside them
	Notes   []string      `json:"notes,omitempty"`   // about the new file as a whole
}

// SetupChange is one difference.
type SetupChange struct {
	What  string   `json:"what"` // added, removed, changed, renamed
	Kind  string   `json:"kind"` // setting, project, job, cell, builder
	Name  string   `json:"name"`
	Was   string   `json:"was,omitempty"`   // the former name of what is renamed
	Keys  []string `json:"keys,omitempty"`  // which keys of it differ
	Notes []string `json:"notes,omitempty"` // what that means, one line each
}

// Reload makes the server read its farm file again and put it in force, if it
// has no mistakes. weir.Unsupported if the server was not started from a file.
func (c *Client) Reload(ctx context.Context) (Reload, error) {
	return send[Reload](ctx, c, http.MethodPost, "/api/v1/reload", struct{}{})
}

// CompareSetup says what would change if file were put in force; nil stands for
// the server's own file as it is now.
func (c *Client) CompareSetup(ctx context.Context, file []byte) (Reload, error) {
	var content io.Reader
	if file != nil {
		content = bytes.NewReader(file)
	}
	answer, err := c.request(ctx, http.MethodPost, "/api/v1/reload/compare", nil, content)
	if err != nil {
		var none Reload
		return none, err
	}
	return decode[Reload](ctx, c, answer)
}
