package hooks_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/hooks"
	"github.com/weir-ci/weir/internal/hook"
	"github.com/weir-ci/weir/internal/recipe"
)

// world is a farm as far as a desk sees it.
type world struct {
	mu       sync.Mutex
	projects []weir.Project
	seen     map[string]bool
	done     []string
	fail     error
}

func (w *world) did(format string, args ...any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = append(w.done, fmt.Sprintf(format, args...))
	return w.fail
}

func newDesk(projects ...weir.Project) (*world, *hooks.Desk) {
	w := &world{projects: projects, seen: map[string]bool{}}
	return w, hooks.New(hooks.Options{
		Projects: func() []weir.Project { return w.projects },
		Secret: func(dialect string) string {
			return map[string]string{hook.Generic: "G", hook.Gitea: "T", hook.GitLab: "GONE"}[dialect]
		},
		Value: func(name string) (string, error) {
			if name == "GONE" {
				return "", errors.New("the disk is on fire")
			}
			return "secret of " + name, nil
		},
		Seen: func(_ context.Context, id string, _ time.Time) (bool, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			before := w.seen[id]
			w.seen[id] = true
			return before, nil
		},
		Nudge: func(_ context.Context, project, branch string) error { return w.did("%s %s", project, branch) },
		Propose: func(_ context.Context, p weir.Proposal) (weir.Proposal, bool, error) {
			if i := slices.IndexFunc(w.projects, func(q weir.Project) bool { return q.Name == p.Project }); w.projects[i].Source.Watch.Pulls.Build == weir.PullsNone {
				return p, false, nil
			}
			return p, true, w.did("%s pull %s at %s by %s", p.Project, p.Number, p.Head, p.AuthorID)
		},
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
}

func project(name, location, branch string, watch weir.Watch) weir.Project {
	return weir.Project{Name: name, Source: weir.Source{Kind: weir.Git, Location: location, Branch: branch, Watch: watch}}
}

func bearer(secret string) http.Header { return http.Header{"Authorization": {"Bearer " + secret}} }

func TestTheFarmFileKnowsEveryDialect(t *testing.T) {
	t.Parallel()
	if got, want := recipe.Dialects(), hook.Dialects(); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("the farm file knows %q, and webhooks are read in %q", got, want)
	}
}

func TestWhoIsTold(t *testing.T) {
	t.Parallel()
	const at = "https://example.org/org/hello"
	projects := []weir.Project{
		project("main", at+".git", "main", weir.Watch{}),
		project("any", "git@example.org:org/hello", "", weir.Watch{}),
		project("wide", at, "main", weir.Watch{Branches: []string{"release/**"}, Tags: []string{"v*"}}),
		project("other", at+"2", "main", weir.Watch{}),
		{Name: "package", Source: weir.Source{Kind: weir.NPM, Location: "hello"}},
	}
	for _, tc := range []struct{ body, want string }{
		{`{"repository": "` + at + `", "branch": "main"}`, "main main, any main, wide main"},
		{`{"repository": "` + at + `", "branch": "release/1/x"}`, "any release/1/x, wide release/1/x"},
		{`{"repository": "` + at + `", "branch": "topic"}`, "any topic"},
		{`{"repository": "` + at + `", "tag": "v1"}`, "wide main"},
		{`{"repository": "` + at + `"}`, "main , any , wide "},
		{`{"project": "package"}`, "package "},
		{`{"project": "package", "tag": "v1"}`, "package "},
		{`{"project": "main", "branch": "topic"}`, ""},
		{`{"repository": "https://example.org/x/y"}`, ""},
	} {
		w, d := newDesk(projects...)
		r, err := d.Take(t.Context(), "", bearer("secret of G"), []byte(tc.body))
		if got := strings.Join(w.done, ", "); err != nil || got != tc.want {
			t.Errorf("%s: told %q, %v", tc.body, got, err)
		}
		if (len(r.Projects) == 0) != (r.Why != "") {
			t.Errorf("%s: got %+v", tc.body, r)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	w, d := newDesk(project("hello", "https://example.org/hello", "", weir.Watch{}))
	for _, tc := range []struct {
		dialect, secret, body string
		code                  weir.Code
	}{
		{"github", "secret of G", "{}", weir.NotFound},
		{"cvs", "secret of G", "{}", weir.NotFound},
		{"gitlab", "", "{}", weir.Unavailable},
		{"generic", "wrong", `{"project": "hello"}`, weir.Unauthenticated},
		{"gitea", "secret of T", `{}`, weir.Unauthenticated},
		{"forgejo", "secret of T", `{}`, weir.Unauthenticated}, // with Gitea's secret
		{"generic", "secret of G", `{`, weir.Invalid},
		{"generic", "secret of G", `{"project": "gone"}`, weir.NotFound},
	} {
		if _, err := d.Take(t.Context(), tc.dialect, bearer(tc.secret), []byte(tc.body)); weir.CodeOf(err) != tc.code {
			t.Errorf("%+v: got %v", tc, err)
		}
	}
	if len(w.done) > 0 {
		t.Errorf("did %v", w.done)
	}
	for _, c := range d.Counts() {
		if c.Dialect == hook.Generic && (c.Refused != 1 || c.Taken != 2) || c.Dialect != hook.Generic && c.Refused != 1 {
			t.Errorf("got %+v", c)
		}
	}
}

// The same delivery counts once, whoever gets it and however often, also if it
// comes many times at once.
func TestRepeated(t *testing.T) {
	t.Parallel()
	w, d := newDesk(project("hello", "https://example.org/hello", "", weir.Watch{}))
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if _, err := d.Take(t.Context(), "generic", bearer("secret of G"), []byte(`{"id": "once", "project": "hello"}`)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(w.done) != 1 {
		t.Errorf("did %v", w.done)
	}
	// What has no name is no repetition of anything.
	for range 2 {
		if r, err := d.Take(t.Context(), "generic", bearer("secret of G"), []byte(`{"project": "hello"}`)); err != nil || r.Repeated {
			t.Errorf("got %+v, %v", r, err)
		}
	}
	if len(w.done) != 3 {
		t.Errorf("did %v", w.done)
	}
	w.fail = errors.New("no")
	if _, err := d.Take(t.Context(), "generic", bearer("secret of G"), []byte(`{"project": "hello"}`)); err == nil {
		t.Error("what could not be recorded was taken")
	}
	// What failed for a reason of the farm's own may come again.
	named := []byte(`{"id": "twice", "project": "hello"}`)
	if _, err := d.Take(t.Context(), "generic", bearer("secret of G"), named); err == nil {
		t.Error("what could not be recorded was taken")
	}
	w.fail = nil
	for _, repeated := range []bool{false, true} {
		if r, err := d.Take(t.Context(), "generic", bearer("secret of G"), named); err != nil || r.Repeated != repeated {
			t.Errorf("got %+v, %v", r, err)
		}
	}
}
