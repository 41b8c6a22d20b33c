package app

import (
	"log/slog"
	"os"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker"
	"github.com/weir-ci/weir/internal/worker/policyfile"
)

// PolicyState is what the policy of a worker's owner says, and whether it would let a
// build begin.
type PolicyState struct {
	Sentences []string  // empty: everything may run at any time
	Rest      weir.Rest // the zero Rest: one may begin
}

// CheckPolicy reads a policy for a worker that builds in dir, which need not exist yet.
// Its error is as of policyfile.Open.
func CheckPolicy(path, dir string, now time.Time) (PolicyState, error) {
	file, err := policyfile.Open(path)
	if err != nil {
		return PolicyState{}, err
	}
	p, err := file.Current(now)
	if err != nil {
		return PolicyState{}, err
	}
	rest, _ := p.Rest(now, worker.Conditions(dir))
	return PolicyState{Sentences: p.Sentences(), Rest: rest}, nil
}

// openPolicy reads the policy of a worker; nil if there is none.
func openPolicy(path string, log *slog.Logger) (*policyfile.File, error) {
	if path == "" {
		return nil, nil
	}
	file, err := policyfile.Open(path)
	if err != nil {
		return nil, err
	}
	// Nothing is written, so its date stays what it is.
	if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
		_ = f.Close()
		if log != nil {
			log.Warn("the policy can be changed by builds, which run as the worker's user: let it belong to another one", "file", path)
		}
	}
	return file, nil
}
