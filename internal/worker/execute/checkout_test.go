//go:build unix

package execute

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
)

// preparer is a source that notes what it is asked for and writes one file.
type preparer struct {
	t     *testing.T
	asked []source.Request
	patch string
	fail  func(source.Request) error
}

func (p *preparer) Checkout(context.Context, weir.Source, string, string, io.Writer) error {
	return errors.New("Prepare is to be called")
}

func (p *preparer) Prepare(ctx context.Context, r source.Request) error {
	if r.Patch != nil {
		text, err := r.ReadPatch()
		if err != nil {
			return err
		}
		p.patch = string(text)
	}
	p.asked = append(p.asked, r)
	if p.fail != nil {
		if err := p.fail(r); err != nil {
			return err
		}
	}
	if c, err := source.CredentialOf(ctx, r.Source); err != nil {
		return err
	} else if c.Password != "" {
		fmt.Fprintln(r.Log, "let in with", c.Password)
	}
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.Dir, "file"), nil, 0o600)
}

func TestCheckoutsThatStay(t *testing.T) {
	t.Parallel()
	s := spec("ls; pwd; touch left")
	s.Source.Checkout.Clean = weir.CleanIncremental
	p := &preparer{t: t}
	r := newRunner(t, p)
	look := func(s weir.Spec) (log string, keep bool) {
		t.Helper()
		rec := newRecorder()
		got := run(t, r, s, rec)
		if got.Outcome != weir.Passed {
			t.Fatalf("got %+v\n%s", got.Reason, rec.all())
		}
		return rec.log(1), p.asked[len(p.asked)-1].Keep
	}
	first, keep := look(s)
	if keep || !strings.HasPrefix(first, "file\n/") {
		t.Errorf("the first build: %v, %s", keep, first)
	}
	place := strings.Fields(first)[1]
	if second, keep := look(s); !keep || second != "file\nleft\n"+place+"\n" {
		t.Errorf("the second build: %v, %s", keep, second)
	}
	for name, change := range map[string]func(*weir.Spec){
		"untrusted":       func(s *weir.Spec) { s.Untrusted = true },
		"try":             func(s *weir.Spec) { s.Cause = weir.CauseTry },
		"another branch":  func(s *weir.Spec) { s.Branch = "other" },
		"another job":     func(s *weir.Spec) { s.Job.Name = "lint" },
		"another cell":    func(s *weir.Spec) { s.Job.Cell = "x" },
		"another project": func(s *weir.Spec) { s.Project = "else" },
		"full":            func(s *weir.Spec) { s.Source.Checkout.Clean = weir.CleanFull },
	} {
		other := s
		change(&other)
		if log, keep := look(other); keep || strings.Contains(log, "left") || strings.Contains(log, place+"\n") {
			t.Errorf("%s: %v, %s", name, keep, log)
		}
	}

	// A build that is cancelled leaves nothing that is believed.
	ctx, cancel := context.WithCancel(t.Context())
	rec := newRecorder()
	rec.onOut = func(int, []byte) { cancel() }
	hangs := s
	hangs.Job.Steps = []weir.Step{{Name: "a", Run: "echo; exec sleep 600"}}
	r.Run(ctx, Job{Spec: hangs, Dir: t.TempDir()}, rec)
	if log, keep := look(s); keep || strings.Contains(log, "left") {
		t.Errorf("after a cancelled build: %v, %s", keep, log)
	}

	// What cannot be cleaned up is thrown away.
	p.fail = func(r source.Request) error {
		if r.Keep {
			return weir.Errorf(weir.Internal, "the index is damaged")
		}
		return nil
	}
	if log, keep := look(s); keep || strings.Contains(log, "left") {
		t.Errorf("after damage: %v, %s", keep, log)
	}
}

// TestCheckoutsThatCannotStay: a source that only knows empty directories gets one.
func TestCheckoutsThatCannotStay(t *testing.T) {
	t.Parallel()
	s := spec("ls; touch left")
	s.Source.Checkout.Clean = weir.CleanIncremental
	r := newRunner(t, files{"file": "text"})
	for range 2 {
		rec := newRecorder()
		if got := run(t, r, s, rec); got.Outcome != weir.Passed || rec.log(1) != "file\n" {
			t.Errorf("got %+v\n%s", got.Reason, rec.all())
		}
	}
}

func TestTreeInUse(t *testing.T) {
	t.Parallel()
	s := spec("pwd")
	s.Source.Checkout.Clean = weir.CleanFresh
	r := newRunner(t, &preparer{t: t})
	var inner Report
	rec, innerRec := newRecorder(), newRecorder()
	rec.onOut = func(step int, _ []byte) {
		if step == 1 {
			inner = r.Run(t.Context(), Job{Spec: s, Dir: t.TempDir()}, innerRec)
		}
	}
	got := run(t, r, s, rec)
	if got.Outcome != weir.Passed || inner.Outcome != weir.Passed || rec.log(1) == innerRec.log(1) {
		t.Errorf("got %+v and %+v, in %s and %s", got.Reason, inner.Reason, rec.log(1), innerRec.log(1))
	}
}

func TestPatchRefAndCredentials(t *testing.T) {
	t.Parallel()
	const text = "--- a/file\n+++ b/file\n"
	s := spec("ls")
	base := s.Revision
	s.Revision, s.Ref = weir.Patched(base, weir.DigestOf([]byte(text))), "refs/pull/7/head"
	s.Source.Credentials, s.Untrusted = "DEPLOY", true
	p := &preparer{t: t}
	r := newRunner(t, p)
	sent := text
	r.Fetch = func(_ context.Context, d weir.Digest) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(sent)), nil
	}
	job := Job{Spec: s, Dir: t.TempDir(), Secrets: []weir.EnvVar{{Name: "DEPLOY", Value: "me:pa55word"}}}
	rec := newRecorder()
	got := r.Run(t.Context(), job, rec)
	if got.Outcome != weir.Passed || p.patch != text || p.asked[0].Ref != s.Ref || p.asked[0].Revision != s.Revision || strings.Contains(rec.all(), "pa55word") {
		t.Errorf("got %+v, asked %+v\n%s", got.Reason, p.asked, rec.all())
	}
	sent = "something else"
	job.Dir = t.TempDir()
	if got := r.Run(t.Context(), job, newRecorder()); got.Reason.Code != weir.ReasonSourceDown {
		t.Errorf("another patch: %+v", got.Reason)
	}
	r.Fetch = nil
	job.Dir = t.TempDir()
	if got := r.Run(t.Context(), job, newRecorder()); got.Reason.Code != weir.ReasonWorker {
		t.Errorf("no way to fetch: %+v", got.Reason)
	}
	job.Secrets = nil
	job.Spec.Revision = base
	job.Dir = t.TempDir()
	if got := r.Run(t.Context(), job, newRecorder()); !strings.Contains(got.Reason.Text, "DEPLOY") {
		t.Errorf("no credential: %+v", got.Reason)
	}
	job.Dir = t.TempDir()
	if got := newRunner(t, files{}).Run(t.Context(), job, newRecorder()); got.Reason.Code != weir.ReasonWorker {
		t.Errorf("a source that knows no refs: %+v", got.Reason)
	}
}
