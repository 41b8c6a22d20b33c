package roster

import (
	"strings"

	"github.com/weir-ci/weir"
)

// Narrow is which workers somebody wants to see. The zero value is all of them.
type Narrow struct {
	Text     string // words, all in the name, the platform, the labels or the host; case does not matter
	Platform string // os/arch; empty: all
	State    string // a weir.WorkerState; empty: all
}

// Fits reports whether a worker in some state is one of them.
func (n Narrow) Fits(w weir.Worker, state weir.WorkerState) bool {
	if n.Platform != "" && string(w.Platform) != n.Platform || n.State != "" && string(state) != n.State {
		return false
	}
	text := strings.ToLower(w.Name + " " + string(w.Platform) + " " + strings.Join(w.Labels, " ") + " " + w.Host)
	for _, word := range strings.Fields(strings.ToLower(n.Text)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
