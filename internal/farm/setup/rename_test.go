package setup

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/store"
)

// renames notes what is renamed. Everything else of store.Configs is nil.
type renames struct {
	others
	said [][]store.Renaming
	fail error
}

func (r *renames) Rename(_ context.Context, list []store.Renaming, _ time.Time) error {
	r.said = append(r.said, list)
	return r.fail
}

func TestRenamings(t *testing.T) {
	t.Parallel()
	f := &recipe.Farm{Projects: []weir.Project{
		{Name: "app", Jobs: []weir.Job{{Name: "lint"}, {Name: "test", Formerly: []string{"check"}}}},
		{Name: "lib", Formerly: []string{"library", "base"}},
	}}
	want := []store.Renaming{{Project: "library", NewProject: "lib"}, {Project: "base", NewProject: "lib"},
		{Project: "app", NewProject: "app", Job: "check", NewJob: "test"}}
	s, r := &renames{fail: weir.Errorf(weir.Conflict, "lib has a history of its own")}, Renamer{}
	if _, err := r.Apply(t.Context(), s, f, time.Now()); weir.CodeOf(err) != weir.Conflict {
		t.Errorf("a conflict is %v", err)
	}
	s.fail = nil
	for i := range 3 {
		said, err := r.Apply(t.Context(), s, f, time.Now())
		if err != nil || said != (i == 0) {
			t.Errorf("time %d: said %v, %v", i, said, err)
		}
	}
	if len(s.said) != 2 || !slices.Equal(s.said[1], want) {
		t.Errorf("said was %+v", s.said)
	}
	f.Projects = f.Projects[:1]
	if said, err := r.Apply(t.Context(), s, f, time.Now()); err != nil || !said || len(s.said[2]) != 1 {
		t.Errorf("said %v, %v: %+v", said, err, s.said)
	}
}

// TestManyRenamings are told in pieces that the store takes.
func TestManyRenamings(t *testing.T) {
	t.Parallel()
	f := &recipe.Farm{}
	for i := range 1200 {
		f.Projects = append(f.Projects, weir.Project{Name: fmt.Sprint("p", i), Formerly: []string{fmt.Sprint("old", i)}})
	}
	s, r := &renames{}, Renamer{}
	if _, err := r.Apply(t.Context(), s, f, time.Now()); err != nil || len(s.said) != 3 || len(s.said[2]) != 200 {
		t.Errorf("%d pieces, %v", len(s.said), err)
	}
}

// TestForeignRenamings has a repository whose recipe wants a name for a job that
// another one had: that is its own trouble, and nobody else's.
func TestForeignRenamings(t *testing.T) {
	t.Parallel()
	f := &recipe.Farm{Projects: []weir.Project{
		{Name: "app", Recipe: weir.RecipeRepository, Jobs: []weir.Job{{Name: "test", Formerly: []string{"check", "lint"}}}}}}
	s, r := &renames{fail: weir.Errorf(weir.Conflict, "test has a history of its own")}, Renamer{}
	if _, err := r.Apply(t.Context(), s, f, time.Now()); err != nil || len(s.said) != 1 || len(s.said[0]) != 2 {
		t.Errorf("%v, after %+v", err, s.said)
	}
	s.fail, r = weir.Errorf(weir.Unavailable, "the disk is full"), Renamer{}
	if _, err := r.Apply(t.Context(), s, f, time.Now()); weir.CodeOf(err) != weir.Unavailable {
		t.Errorf("the farm's own trouble is %v", err)
	}
}
