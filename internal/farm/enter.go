package farm

import (
	"context"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/signin"
	"github.com/weir-ci/weir/internal/store"
)

func (f *Farm) door() signin.Door { return signin.Door{Store: f.store, Now: f.now} }

// SignInLink makes a code that lets somebody in once; see signin.Door.Link.
func (f *Farm) SignInLink(ctx context.Context, name string) (code string, err error) {
	return f.door().Link(ctx, name)
}

// SignIn takes such a code, and gives the secret of a session; Unauthenticated if it
// is not good any more.
func (f *Farm) SignIn(ctx context.Context, code string) (session string, err error) {
	return f.door().Enter(ctx, code)
}

// SignOut ends a session. For tokenTime other servers may still believe it.
func (f *Farm) SignOut(ctx context.Context, session string) error {
	f.tokens.drop(HashToken(session))
	return f.door().Leave(ctx, session)
}

// SignedIn tells who has a session; Unauthenticated if nobody has.
func (f *Farm) SignedIn(ctx context.Context, session string) (name string, err error) {
	t, err := f.token(ctx, session)
	if weir.CodeOf(err) == weir.NotFound || err == nil && t.Scope != store.ScopeWeb {
		return "", weir.Errorf(weir.Unauthenticated, "nobody is signed in with this browser any more")
	}
	return signin.Person(t.Name), err
}

// Forceable is a project of which people can start jobs.
type Forceable struct {
	Project string
	Jobs    []weir.Job // sorted by name
}

// Forceable lists the projects with jobs that people can start, by name.
func (f *Farm) Forceable() (list []Forceable) {
	for _, p := range f.config.Load().Projects {
		jobs := slices.DeleteFunc(slices.Clone(p.Jobs), func(j weir.Job) bool { return !j.Start.Begins(weir.CauseForce) })
		if len(jobs) > 0 {
			list = append(list, Forceable{p.Name, jobs})
		}
	}
	return list
}
