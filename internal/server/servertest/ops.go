package servertest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/access"
)

// Caller knows AdminToken and RightToken, and refuses Token.
func (f *Farm) Caller(_ context.Context, secret string) (access.Caller, error) {
	if right, ok := strings.CutPrefix(secret, RightToken); ok {
		return access.Caller{Name: "finch", Rights: []access.Right{access.Right(right)}}, nil
	}
	switch secret {
	case AdminToken:
		return access.Caller{Name: Admin, Rights: access.Rights()}, nil
	case Token:
		return access.Caller{}, weir.Errorf(weir.Forbidden, "the token of %s is a worker's", Worker)
	}
	return access.Caller{}, weir.Errorf(weir.Unauthenticated, "the token is not known to this farm")
}

// Visitor knows Session as that of the person of that name.
func (f *Farm) Visitor(ctx context.Context, session string) (access.Caller, error) {
	name, err := f.SignedIn(ctx, session)
	if err != nil {
		return access.Caller{}, err
	}
	return access.Caller{Name: name, Rights: access.Rights(), Person: true}, nil
}

// Tokens lists one of each kind.
func (f *Farm) Tokens(context.Context) ([]access.Token, error) {
	at := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	return []access.Token{{Name: Worker, Scope: access.ScopeWorker, Created: at, Owner: "ada@kern.example"},
		{Name: "finch", Scope: access.ScopeAPI, Rights: []access.Right{access.Build, access.Change}, Created: at, Expires: at.AddDate(0, 3, 0)},
		{Name: Admin, Scope: access.ScopeAdmin, Created: at},
		{Name: Visitor + ".signin-abcdefgh", Scope: access.ScopeSignIn, Created: at, Expires: at.Add(time.Hour)},
		{Name: Visitor + ".web-abcdefgh", Scope: access.ScopeWeb, Created: at, Expires: at.AddDate(0, 1, 0)}}, f.Fail
}

// RevokeToken notes that a token was revoked.
func (f *Farm) RevokeToken(_ context.Context, name string) error { return f.did("revoke %s", name) }

// SignOutEverywhere notes whose sessions were ended.
func (f *Farm) SignOutEverywhere(_ context.Context, person string) (int, error) {
	return 2, f.did("sign %s out everywhere", person)
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
