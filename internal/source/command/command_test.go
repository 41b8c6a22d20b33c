package command

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

// The test binary plays the foreign program: what it does is in its environment.
func TestMain(m *testing.M) {
	switch os.Getenv("WEIR_TEST_TOOL") {
	case "":
		os.Exit(m.Run())
	case "fail":
		os.Stderr.WriteString("fetching https://ann:s3cret@example.com/x?token=t0ken\nlast words\xff\n")
		os.Exit(3)
	case "flood":
		chunk := []byte(strings.Repeat("y\n", 4<<10))
		for {
			if _, err := os.Stdout.Write(chunk); err != nil {
				os.Exit(1)
			}
		}
	case "tree": // prints a line, then waits with a child that holds the same pipe
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "WEIR_TEST_TOOL=wait")
		child.Stdout = os.Stdout
		_ = child.Start()
		_ = child.Wait()
	case "wait":
		os.Stdout.WriteString("up\n")
		select {}
	}
}

func tool(t *testing.T, does string) Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Cmd{Name: self, Args: []string{"-c", "x", "verb"}, Dir: t.TempDir(), Env: append(os.Environ(), "WEIR_TEST_TOOL="+does)}
}

func TestFailureIsRedacted(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	c := tool(t, "fail")
	c.Log = &log
	_, err := Output(t.Context(), c)
	var f *Failure
	if !errors.As(err, &f) {
		t.Fatalf("got %v", err)
	}
	for _, s := range []string{err.Error(), log.String()} {
		if strings.Contains(s, "s3cret") || strings.Contains(s, "t0ken") || !strings.Contains(s, "https://example.com/x") {
			t.Errorf("not redacted: %s", s)
		}
	}
	if f.LastLine() != "last words\uFFFD" || !strings.HasSuffix(f.Tool, " verb") {
		t.Errorf("got %q from %q", f.LastLine(), f.Tool)
	}
}

func TestOutputIsLimited(t *testing.T) {
	t.Parallel()
	_, err := Output(t.Context(), tool(t, "flood"))
	if weir.CodeOf(err) != weir.TooLarge {
		t.Fatalf("got %v", err)
	}
}

func TestReaderStopsTheProgram(t *testing.T) {
	t.Parallel()
	err := Stream(t.Context(), tool(t, "flood"), func(r *bufio.Reader) error {
		_, _ = r.ReadString('\n')
		return ErrStop
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The pipe reaches its end only when the grandchild is gone too.
func TestCancelEndsGrandchildren(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var end error
	err := Stream(ctx, tool(t, "tree"), func(r *bufio.Reader) error {
		line, err := r.ReadString('\n')
		if line != "up\n" {
			t.Errorf("got %q, %v", line, err)
		}
		cancel()
		_, end = r.ReadString('\n')
		return end
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if end == nil || end.Error() != "EOF" {
		t.Errorf("pipe ended with %v: the grandchild lived on", end)
	}
}

func TestMissingTool(t *testing.T) {
	t.Parallel()
	_, err := Output(t.Context(), Cmd{Name: "weir-no-such-tool", Dir: t.TempDir()})
	var e *weir.Error
	if !errors.As(err, &e) || e.Code != weir.Unsupported || !strings.Contains(e.Hint, "install") {
		t.Fatalf("got %v", err)
	}
}

func TestExcerpt(t *testing.T) {
	t.Parallel()
	e := &excerpt{}
	for range 3000 {
		_, _ = e.Write([]byte("https://a:b@h/"))
		_, _ = e.Write([]byte("p line\n"))
	}
	_, _ = e.Write([]byte(strings.Repeat("x", 3*MaxStderr)))
	e.flush()
	s := e.String()
	if len(s) > MaxStderr || strings.Contains(s, "a:b") || !strings.HasPrefix(s, "https://h/p line\n") {
		t.Errorf("%d bytes: %.60q", len(s), s)
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ssh://git@h/x":                        "ssh://h/x",
		"x https://u:p@ss@h/x, http://t@h":     "x https://h/x, http://h",
		"'https://h/x?private_token=1#a' gone": "'https://h/x' gone",
		"https://h/m/@v/list: 404":             "https://h/m/@v/list: 404",
		"ann@example.com":                      "ann@example.com",
	} {
		if got := Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
	}
}
