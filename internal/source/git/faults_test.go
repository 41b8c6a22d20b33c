package git

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

func TestUnreachable(t *testing.T) {
	t.Parallel()
	m := newMirrors(t)
	for _, loc := range []string{filepath.Join(t.TempDir(), "nothing"), "http://127.0.0.1:1/x", "git://127.0.0.1:1/x"} {
		src := weir.Source{Location: loc}
		_, err := m.Revisions(t.Context(), src, "")
		expectCode(t, err, weir.Unavailable)
		var e *weir.Error
		if !errors.As(err, &e) || !strings.Contains(e.Hint, "git ls-remote "+loc) || !strings.Contains(e.Message, loc) {
			t.Errorf("got %v", err)
		} else if strings.Contains(e.Message, advice) {
			t.Errorf("only git's general advice is told: %v", e.Message)
		}
		dir := filepath.Join(t.TempDir(), "x")
		expectCode(t, m.Checkout(t.Context(), src, strings.Repeat("1", 40), dir, io.Discard), weir.Unavailable)
	}
}

// A remote that goes away does not take the mirror along.
func TestMirrorOutlivesTheRemote(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.commit("a")
	_, _ = ids(t, m, r.source(), "")
	if err := os.RemoveAll(r.dir); err != nil {
		t.Fatal(err)
	}
	expectFile(t, checkout(t, m, r.source(), a), "a")
	_, err := m.Revisions(t.Context(), r.source(), a)
	expectCode(t, err, weir.Unavailable)
}

// Credentials that the user's configuration adds to a location stay out of
// what is shown and out of the cause.
func TestCredentialsStayInside(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "config")
	text := "[url \"http://ann:s3cret@127.0.0.1:1/\"]\n\tinsteadOf = http://example.com/\n"
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	m := New(t.TempDir(), append(os.Environ(), "GIT_CONFIG_GLOBAL="+config))
	_, err := m.Revisions(t.Context(), weir.Source{Location: "http://example.com/x"}, "")
	expectCode(t, err, weir.Unavailable)
	if !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("the user's configuration did not count: %v", err)
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("shown: %v", err)
		}
	}
}

func TestDamagedMirrors(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(dir string) error{
		"no pack":    func(dir string) error { return os.RemoveAll(filepath.Join(dir, "objects", "pack")) },
		"no objects": func(dir string) error { return os.RemoveAll(filepath.Join(dir, "objects")) },
		"cut pack": func(dir string) error {
			packs, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "*.pack"))
			for _, p := range packs {
				err = errors.Join(err, os.Chmod(p, 0o644), os.Truncate(p, 40))
			}
			return err
		},
		"bad HEAD":   func(dir string) error { return os.WriteFile(filepath.Join(dir, "HEAD"), []byte("\x00"), 0o644) },
		"bad config": func(dir string) error { return os.WriteFile(filepath.Join(dir, "config"), []byte("[["), 0o644) },
		"bad ref": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "refs", "heads", "main"), []byte(strings.Repeat("1", 40)+"\n"), 0o644)
		},
		"half made": func(dir string) error {
			return errors.Join(os.Rename(dir, dir+".new"), os.Remove(filepath.Join(dir+".new", "HEAD")))
		},
		"stale locks": func(dir string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "refs", "heads", "main.lock"), nil, 0o644),
				os.WriteFile(filepath.Join(dir, "packed-refs.lock"), nil, 0o644))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, m := newRepo(t), newMirrors(t)
			a := r.commit("a")
			_, _ = ids(t, m, r.source(), "")
			dir := m.mirrorOf(r.source()).dir
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			expectFile(t, checkout(t, m, r.source(), a), "a")
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			b := r.commit("b")
			got, rewritten := ids(t, m, r.source(), a)
			expect(t, got, b)
			if rewritten {
				t.Error("not rewritten")
			}
			expectFile(t, checkout(t, m, r.source(), b), "b")
		})
	}
}

func TestMirrorsStayTidy(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	known := r.commit("a")
	for range maxPacks + 5 {
		next := r.commit("b")
		got, _ := ids(t, m, r.source(), known)
		expect(t, got, next)
		known = next
	}
	packs, _ := filepath.Glob(filepath.Join(m.mirrorOf(r.source()).dir, "objects", "pack", "*.pack"))
	if len(packs) == 0 || len(packs) > maxPacks {
		t.Errorf("%d packs", len(packs))
	}
	expectFile(t, checkout(t, m, r.source(), known), "b")
}

// silent accepts connections, reads, and never answers.
func silent(t *testing.T) (addr string, connected <-chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	ch := make(chan net.Conn, 8)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			ch <- c
		}
	}()
	return l.Addr().String(), ch
}

// The connection ends when the last process that holds it is gone. With http
// that is a child of git.
func TestCancelEndsAllProcesses(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http", "git"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			addr, connected := silent(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			failed := make(chan error, 1)
			m := newMirrors(t)
			go func() {
				_, err := m.Revisions(ctx, weir.Source{Location: scheme + "://" + addr + "/x"}, "")
				failed <- err
			}()
			const patience = 3 * time.Minute // no test waits so long unless something is wrong
			over := time.After(patience)
			var conn net.Conn
			select {
			case conn = <-connected:
			case <-over:
				t.Fatal("nobody asks")
			}
			defer conn.Close()
			cancel()
			var err error
			select {
			case err = <-failed:
			case <-over:
				t.Fatal("it does not end")
			}
			expectCode(t, err, weir.Unavailable)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("a process lives on")
			}
		})
	}
}

func TestWaitForTheLockEndsWithTheContext(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	r.commit("a")
	mir := m.mirrorOf(r.source())
	ctx, cancel := context.WithCancel(t.Context())
	err := mir.locked(t.Context(), false, func() error {
		if err := mir.locked(t.Context(), false, func() error { return nil }); err != nil {
			t.Errorf("a second reader: %v", err)
		}
		cancel()
		return mir.locked(ctx, true, func() error { t.Error("both locks at once"); return nil })
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	_, err = m.Revisions(ctx, r.source(), "")
	expectCode(t, err, weir.Unavailable)
}
