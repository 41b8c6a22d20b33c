package cli

import (
	"bytes"
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/server/api"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// notices tells when something is written.
type notices struct {
	bytes.Buffer
	written chan struct{}
}

func (n *notices) Write(p []byte) (int, error) {
	defer func() {
		select {
		case n.written <- struct{}{}:
		default:
		}
	}()
	return n.Buffer.Write(p)
}

// TestFollowInterrupted: whoever waits for a search may go away, and is told that it goes on.
func TestFollowInterrupted(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(api.New(api.Options{Farm: servertest.Held(), Version: "1"}))
	defer server.Close()
	farm, err := client.New(server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithTimeout(t.Context(), 3*time.Minute)
	defer interrupt()
	c := newBisect()
	out, told := &notices{written: make(chan struct{}, 1)}, &bytes.Buffer{}
	c.SetContext(ctx)
	c.SetOut(out)
	c.SetErr(told)
	go func() {
		select {
		case <-out.written:
			interrupt()
		case <-ctx.Done(): // it says nothing
		}
	}()
	if err := follow(c, farm, servertest.Asked); !errors.Is(err, context.Canceled) || console.ExitCode(ctx, err) != console.ExitInterrupted {
		t.Errorf("it ends with %v", err)
	}
	if !strings.Contains(out.String(), "8 of 8 revisions are left") || !strings.Contains(told.String(), "the search goes on; to look at it: weir regressions 79") {
		t.Errorf("it says %q and %q", out.String(), told.String())
	}
}

func TestParseLength(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for text, want := range map[string]time.Duration{"7d": 7 * day, "2w": 14 * day, "12h": 12 * time.Hour, "90m": 90 * time.Minute,
		"": 0, "d": 0, "0d": 0, "-3d": 0, "10000d": 0, "1ms": 0, "soon": 0, "7": 0} {
		if got, err := parseLength(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if until, err := parseDate("2026-03-21"); err != nil || !until.Equal(time.Date(2026, 3, 21, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("a date: %v, %v", until, err)
	}
	if _, err := parseDate("tomorrow"); weir.CodeOf(err) == "" {
		t.Error("tomorrow is a date")
	}
}
