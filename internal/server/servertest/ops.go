package servertest

import (
	"context"
	"fmt"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
)

// AuthenticateAdmin knows AdminToken, and refuses Token.
func (f *Farm) AuthenticateAdmin(_ context.Context, secret string) (string, error) {
	switch secret {
	case AdminToken:
		return Admin, nil
	case Token:
		return "", weir.Errorf(weir.Forbidden, "the token of %s is a worker's", Worker)
	}
	return "", weir.Errorf(weir.Unauthenticated, "the token is not known to this farm")
}

// did notes what an admin did, in Done.
func (f *Farm) did(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Done = append(f.Done, fmt.Sprintf(format, args...))
	return f.Fail
}

// Force makes one build, 77 of run 7.
func (f *Farm) Force(_ context.Context, ask farm.Force) (farm.Forced, error) {
	return farm.Forced{Run: 7, Builds: []weir.BuildID{77}}, f.did("force %+v", ask)
}

// CancelBuild notes that a build was cancelled.
func (f *Farm) CancelBuild(_ context.Context, id weir.BuildID, reason, by string) error {
	return f.did("cancel %d %q %s", id, reason, by)
}

// Workers lists the workers of State.
func (f *Farm) Workers(context.Context) ([]weir.Worker, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.State.Workers, f.Fail
}

// PauseWorker notes that a worker was paused.
func (f *Farm) PauseWorker(_ context.Context, name, reason, by string) error {
	return f.did("pause %s %q %s", name, reason, by)
}

// ResumeWorker notes that a worker goes on.
func (f *Farm) ResumeWorker(_ context.Context, name string) error { return f.did("resume %s", name) }

// ForgetWorker notes that a worker was forgotten.
func (f *Farm) ForgetWorker(_ context.Context, name string) error { return f.did("forget %s", name) }
