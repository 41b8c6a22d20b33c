package source_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
)

// plain is an adapter that can do nothing but what it must.
type plain struct {
	fail  []error // of the next checkouts
	tries int
	files map[string]string
}

func (p *plain) Revisions(context.Context, weir.Source, string) (source.Listing, error) {
	return source.Listing{}, nil
}

func (p *plain) Checkout(_ context.Context, _ weir.Source, _, dir string, _ io.Writer) error {
	p.tries++
	if len(p.fail) > 0 {
		err := p.fail[0]
		p.fail = p.fail[1:]
		return err
	}
	for name, text := range p.files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			return err
		}
	}
	return nil
}

// patcher reads the patch and fails.
type patcher struct {
	plain
	texts []string
}

func (p *patcher) Prepare(_ context.Context, r source.Request) error {
	text, err := r.ReadPatch()
	p.texts = append(p.texts, string(text))
	return errors.Join(err, weir.Errorf(weir.Unavailable, "away"))
}

func code(t *testing.T, err error, want weir.Code) {
	t.Helper()
	if weir.CodeOf(err) != want {
		t.Errorf("got %v, want code %q", err, want)
	}
}

func TestPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		away, bad := weir.Errorf(weir.Unavailable, "away"), weir.Errorf(weir.NotFound, "none")
		src := weir.Source{Kind: weir.NPM, Location: "x"}
		for _, c := range []struct {
			fail  []error
			want  weir.Code
			tries int
		}{
			{nil, "", 1}, {[]error{away, away}, "", 3}, {[]error{away, away, away, away}, weir.Unavailable, 3}, {[]error{away, bad}, weir.NotFound, 2}, {[]error{bad}, weir.NotFound, 1},
		} {
			p := &plain{fail: c.fail}
			var log strings.Builder
			s := source.New(source.Adapters{weir.NPM: p}).Patient(time.Hour, 2*time.Hour)
			code(t, s.Checkout(t.Context(), src, "1", t.TempDir(), &log), c.want)
			if p.tries != c.tries || strings.Count(log.String(), "trying again") != c.tries-1 {
				t.Errorf("%+v: %d tries: %s", c, p.tries, log.String())
			}
		}
		// The context's end ends the waiting.
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		p := &plain{fail: []error{away, away}}
		start := time.Now()
		code(t, source.New(source.Adapters{weir.NPM: p}).Patient(time.Hour).Checkout(ctx, src, "1", t.TempDir(), nil), weir.Unavailable)
		if p.tries != 1 || time.Since(start) != time.Minute {
			t.Errorf("%d tries in %v", p.tries, time.Since(start))
		}
		// A patch is there for each try.
		q := &patcher{}
		revision := weir.Patched("1", weir.DigestOf([]byte("patch")))
		err := source.New(source.Adapters{weir.NPM: q}).Patient(1, 1).Prepare(t.Context(),
			source.Request{Source: src, Revision: revision, Patch: strings.NewReader("patch"), Dir: t.TempDir()})
		code(t, err, weir.Unavailable)
		if strings.Join(q.texts, " ") != "patch patch patch" {
			t.Errorf("got %q", q.texts)
		}
	})
}

// What an adapter cannot do is done without it, or said.
func TestFallbacks(t *testing.T) {
	t.Parallel()
	p := &plain{files: map[string]string{"a": "1", "d/b": "22"}}
	s := source.New(source.Adapters{weir.NPM: p})
	src := weir.Source{Kind: weir.NPM, Location: "x"}
	names, err := s.Files(t.Context(), src, "1")
	if err != nil || strings.Join(names, " ") != "a d/b" {
		t.Errorf("got %v, %v", names, err)
	}
	if text, err := s.ReadFile(t.Context(), src, "1", "d/b", 2); err != nil || string(text) != "22" {
		t.Errorf("got %q, %v", text, err)
	}
	for path, want := range map[string]weir.Code{"d/b": weir.TooLarge, "d": weir.NotFound, "c": weir.NotFound, "../a": weir.Invalid, "": weir.Invalid, "a\x00": weir.Invalid} {
		_, err := s.ReadFile(t.Context(), src, "1", path, 1)
		code(t, err, want)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "old"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Prepare(t.Context(), source.Request{Source: src, Revision: "1", Dir: dir, Keep: true}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "old")); err == nil {
		t.Error("an old file is still there")
	}
	code(t, s.Prepare(t.Context(), source.Request{Source: src, Revision: weir.Patched("1", weir.DigestOf(nil)), Dir: dir}), weir.Unsupported)
	if refs, err := s.Refs(t.Context(), src); err != nil || refs.Branches != nil || refs.Tags != nil {
		t.Errorf("got %+v, %v", refs, err)
	}
	if rev, err := s.Resolve(t.Context(), src, "", "1"); err != nil || rev.ID != "1" {
		t.Errorf("got %+v, %v", rev, err)
	}
	_, err = s.Resolve(t.Context(), src, "refs/x", "")
	code(t, err, weir.Unsupported)
	if names, err := s.Files(t.Context(), weir.Source{Kind: weir.None}, weir.NoRevision); err != nil || len(names) > 0 {
		t.Errorf("got %v, %v", names, err)
	}
	_, err = s.Files(t.Context(), weir.Source{Kind: weir.Git}, "1")
	code(t, err, weir.Unsupported)
}

func TestCredentialOf(t *testing.T) {
	t.Parallel()
	src := weir.Source{Location: "https://example.com/x", Credentials: "key"}
	for value, want := range map[string]string{
		"ann:s3cret:x\n": "ann s3cret:x", "t0ken": "x-access-token t0ken", "": "!", ":x": "!", "-u:x": "!", "a\nb": "!", "a\x00": "!", strings.Repeat("x", 10_000): "!",
	} {
		got := "!"
		c, err := source.CredentialOf(source.WithSecrets(t.Context(), func(name string) (string, error) {
			if name != "key" {
				t.Errorf("asked for %q", name)
			}
			return value, nil
		}), src)
		if err == nil {
			got = c.User + " " + c.Password
		}
		if got != want {
			t.Errorf("%.20q: got %q, %v", value, got, err)
		}
	}
	_, err := source.CredentialOf(t.Context(), src)
	code(t, err, weir.Invalid)
	if c, err := source.CredentialOf(t.Context(), weir.Source{}); err != nil || c != (source.Credential{}) {
		t.Errorf("got %+v, %v", c, err)
	}
}
