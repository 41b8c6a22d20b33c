package access_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/access"
	"github.com/weir-ci/weir/internal/farm/signin"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlite"
)

type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func guard(t *testing.T) (*access.Guard, store.Access, *clock) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "weir.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := &clock{time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)}
	return access.New(db, c.now), db, c
}

// TestScopes shows every kind of secret to everything that asks for one.
func TestScopes(t *testing.T) {
	t.Parallel()
	g, db, c := guard(t)
	ctx := t.Context()
	kinds := []store.Scope{store.ScopeWorker, store.ScopeAdmin, store.ScopeWeb, store.ScopeSignIn}
	for _, scope := range kinds {
		name := "ann." + string(scope) + "-x"
		if err := db.AddToken(ctx, store.Token{Name: name, Hash: signin.Hash(name), Scope: scope, Created: c.Time, Expires: c.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, scope := range kinds {
		secret := "ann." + string(scope) + "-x"
		_, worker := g.Authenticate(ctx, secret)
		caller, api := g.Caller(ctx, secret)
		visitor, page := g.Visitor(ctx, secret)
		for who, got := range map[store.Scope]error{store.ScopeWorker: worker, store.ScopeAdmin: api, store.ScopeWeb: page} {
			if (got == nil) != (who == scope) {
				t.Errorf("the secret of scope %s where one of %s is asked for: %v", scope, who, got)
			}
		}
		if api == nil && (!caller.May(access.Admin) || caller.Person) || page == nil && (visitor.Name != "ann" || !visitor.Person) {
			t.Errorf("%s: %+v, %+v", scope, caller, visitor)
		}
	}
	for _, secret := range []string{"", "nonsense", signin.Hash("ann.admin-x")} {
		if _, err := g.Caller(ctx, secret); weir.CodeOf(err) != weir.Unauthenticated {
			t.Errorf("%q: %v", secret, err)
		}
	}
	c.Time = c.Add(time.Hour)
	for _, err := range []error{second(g.Authenticate(ctx, "ann.worker-x")), second(g.Caller(ctx, "ann.admin-x"))} {
		if weir.CodeOf(err) != weir.Unauthenticated || !strings.Contains(err.Error(), "since 2026-11-21 09:00 UTC") {
			t.Errorf("an hour later: %v", err)
		}
	}
	if _, err := g.SignedIn(ctx, "ann.web-x"); weir.CodeOf(err) != weir.Unauthenticated {
		t.Errorf("an old session: %v", err)
	}
	if err := g.Tidy(ctx); err != nil {
		t.Error(err)
	}
	if list, err := g.Tokens(ctx); err != nil || len(list) != 2 {
		t.Errorf("after an hour there are %+v, %v", list, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestSignOutEverywhere(t *testing.T) {
	t.Parallel()
	g, _, _ := guard(t)
	ctx := t.Context()
	enter := func(name string) string {
		code, err := g.SignInLink(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := g.SignIn(ctx, code)
		if err != nil {
			t.Fatal(err)
		}
		if who, err := g.SignedIn(ctx, secret); err != nil || who != name {
			t.Fatalf("%q is signed in, %v", who, err)
		}
		return secret
	}
	first, other, bob := enter("ann"), enter("ann"), enter("bob")
	if _, err := g.SignInLink(ctx, "ann"); err != nil {
		t.Fatal(err)
	}
	if n, err := g.SignOutEverywhere(ctx, "ann"); n != 3 || err != nil {
		t.Errorf("ended %d, %v", n, err)
	}
	for _, secret := range []string{first, other} {
		if _, err := g.SignedIn(ctx, secret); err == nil {
			t.Error("ann is still signed in")
		}
	}
	if _, err := g.SignedIn(ctx, bob); err != nil {
		t.Errorf("bob: %v", err)
	}
	for range 2 {
		if err := g.SignOut(ctx, bob); err != nil {
			t.Error(err)
		}
	}
	if _, err := g.SignedIn(ctx, bob); err == nil {
		t.Error("bob is still signed in")
	}
}

func TestParseRights(t *testing.T) {
	t.Parallel()
	got, err := access.ParseRights("triage, build,triage")
	if err != nil || access.Words(got) != "build, triage" {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "Build", "build,", "root", strings.Repeat("x", 1000)} {
		if _, err := access.ParseRights(bad); weir.CodeOf(err) != weir.Invalid {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
	for _, r := range access.Rights() {
		if access.Means(r) == "" {
			t.Errorf("%s means nothing", r)
		}
	}
}
