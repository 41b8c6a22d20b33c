package policyfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/strict"
	"github.com/weir-ci/weir/internal/worker/policyfile"
)

// write writes a file as if it had been done some time ago.
func write(t *testing.T, path, text string, at time.Time) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestCurrent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	long := now.Add(-time.Hour)
	write(t, path, "projects: [a]\n", now) // what a worker starts with counts at once
	f, err := policyfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(what, want string) {
		t.Helper()
		p, err := f.Current(now)
		got := strings.Join(p.Sentences(), "; ")
		if err != nil {
			if len(p.Sentences()) > 0 {
				t.Errorf("%s: with an error comes %q", what, got)
			}
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	expect("at first", "builds of a only")
	write(t, path, "projects: [bb]\n", now.Add(-settledHalf))
	expect("while it is written", "builds of a only")
	write(t, path, "projects: [bb]\n", now.Add(settledHalf))
	expect("while it is written, by a clock that is ahead", "builds of a only")
	write(t, path, "projects: [bb]\n", long)
	expect("once it is written", "builds of bb only")
	write(t, path, "projects: [cc]\n", now.Add(time.Hour))
	expect("with a date to come", "builds of cc only")
	write(t, path, "project: [bb]\nload: x\n", long)
	expect("with mistakes", `the policy has a mistake in line 1: unknown key "project" in the policy (and 1 more)`)
	expect("still", `the policy has a mistake in line 1: unknown key "project" in the policy (and 1 more)`)
	write(t, path, "projects: [dd]\n", long)
	expect("put right", "builds of dd only")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	expect("gone", "the policy cannot be read: no such file or directory")
	write(t, path, "projects: [ee]\n", now.Add(-settledHalf))
	expect("while it is written anew", "the policy cannot be read: no such file or directory")
	write(t, path, "projects: [ee]\n", long)
	expect("back", "builds of ee only")
	other := path + "2"
	write(t, other, "projects: [ff]\n", now.Add(-2*settledHalf))
	write(t, path, "projects: [ee]\n", now.Add(-2*settledHalf))
	expect("written again", "builds of ee only")
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	expect("replaced by one of the same size and date", "builds of ff only")
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	if p, err := f.Current(now); err == nil || len(p.Sentences()) > 0 {
		t.Errorf("a directory: %v", err)
	}
}

const settledHalf = 500 * time.Millisecond

func TestOpenBroken(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if _, err := policyfile.Open(path); weir.CodeOf(err) != weir.Invalid || !strings.Contains(err.Error(), path) {
		t.Errorf("no file: %v", err)
	}
	write(t, path, "load: x\ndisk: 1\n", time.Now())
	var problems strict.Problems
	if _, err := policyfile.Open(path); !errors.As(err, &problems) || len(problems) != 2 || !slices.ContainsFunc(problems, func(p strict.Problem) bool { return p.File == path }) {
		t.Errorf("mistakes: %v", err)
	}
}
