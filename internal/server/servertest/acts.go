package servertest

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
)

// What lets somebody in, and who that is.
const (
	SignInCode = "THISWORKSONCE"
	Session    = "ASECRETOFABROWSER"
	Visitor    = "otter"
)

// SignIn takes SignInCode, and gives Session.
func (f *Farm) SignIn(_ context.Context, code string) (string, error) {
	if code != SignInCode {
		return "", weir.Errorf(weir.Unauthenticated, "this link does not work any more")
	}
	return Session, nil
}

// SignedIn knows Session as that of Visitor.
func (f *Farm) SignedIn(_ context.Context, session string) (string, error) {
	if session != Session {
		return "", weir.Errorf(weir.Unauthenticated, "nobody is signed in with this browser any more")
	}
	return Visitor, nil
}

// SignOut notes that somebody has left.
func (f *Farm) SignOut(context.Context, string) error { return f.did("sign out") }

// Forceable is one project with a job that has parameters of every type.
func (f *Farm) Forceable() []farm.Forceable {
	return []farm.Forceable{{Project: "mill", Jobs: []weir.Job{{Name: "deploy", Params: []weir.Param{
		{Name: "target", Type: weir.ParamChoice, Choices: []string{"staging", "<b>production"}, Required: true, Help: "where <i>to"},
		{Name: "replicas", Type: weir.ParamNumber, Default: "2"}, {Name: "dry", Type: weir.ParamBool, Default: "true"},
		{Name: "note", Default: `"><script>alert(1)</script>`}}}, {Name: "test"}}}}
}
