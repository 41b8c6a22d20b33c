package notify

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/weir-ci/weir"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWords(t *testing.T) {
	t.Parallel()
	w := weir.Worker{Name: "alices-laptop", Host: "laptop\r\nBcc: all@example.org", Owner: "alice@example.org", Seen: time.Unix(0, 0)}
	away, back := Away(w, "River\nside", "https://weir.example.org", time.Unix(99, 0)), Back(w, "Riverside", "", time.Unix(99, 0))
	if got := away.Subject(); got != "[Riverside] worker alices-laptop is away" {
		t.Errorf("the subject is %q", got)
	}
	if got := back.Subject(); got != "[Riverside] worker alices-laptop is back" {
		t.Errorf("the subject is %q", got)
	}
	text := away.Text()
	if !strings.Contains(text, "since 1970-01-01 00:00 UTC") || !strings.HasSuffix(text, "https://weir.example.org\n") || strings.Contains(text, "\nBcc") {
		t.Errorf("the text is %q", text)
	}
	if text := back.Text(); !strings.HasPrefix(text, "Your worker alices-laptop (laptopBcc: all@example.org) is back") {
		t.Errorf("the text is %q", text)
	}
}

func TestFlakyWords(t *testing.T) {
	t.Parallel()
	n := Flaky("alice@example.org", "app", "1 new\r\nBcc: all@example.org", "New flaky tests: 1\n  a\x1b[31m on b\n", "Riverside", "https://weir.example.org", time.Unix(99, 0))
	if got := n.Subject(); got != "[Riverside] app: 1 newBcc: all@example.org" {
		t.Errorf("the subject is %q", got)
	}
	text := n.Text()
	if !strings.Contains(text, "\nNew flaky tests: 1\n  a[31m on b\n\nYou are among the owners of app") || !strings.HasSuffix(text, "https://weir.example.org/flaky?project=app\n") {
		t.Errorf("the text is %q", text)
	}
	long := Flaky("", "app", "", strings.Repeat(strings.Repeat("x", 99)+"\n", 1000), "", "", time.Now())
	if len(long.Body) > MaxBody+20 || !strings.HasSuffix(long.Body, "x\nand more\n") {
		t.Errorf("the body has %d bytes and ends in %q", len(long.Body), long.Body[len(long.Body)-20:])
	}
	if err := outbox(t, t.TempDir(), nil).Add(Flaky("", "app", "", strings.Repeat("<", MaxBody), "", "", time.Now())); err != nil {
		t.Errorf("the longest notice is not taken: %v", err)
	}
}

// sender fails as often as it is told.
type sender struct {
	fail int
	sent chan Notice
}

func (s *sender) Send(_ context.Context, n Notice) error {
	if s.fail > 0 {
		s.fail--
		return errors.New("no")
	}
	s.sent <- n
	return nil
}

func outbox(t *testing.T, dir string, s Sender) *Outbox {
	t.Helper()
	o, err := NewOutbox(dir, s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func files(t *testing.T, dir string) (n int) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if strings.HasSuffix(e.Name(), suffix) {
			n++
		}
	}
	return n
}

// TestOutboxSurvives adds notices, one server ends without having sent them,
// the next one meets a mail server that is down for a while.
func TestOutboxSurvives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "outbox")
		dead := outbox(t, dir, nil)
		for _, name := range []string{"a", "b", "c"} {
			if err := dead.Add(Notice{Worker: name, At: time.Now()}); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Second)
		}
		if err := os.WriteFile(filepath.Join(dir, "0"+suffix), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		s := &sender{fail: 5, sent: make(chan Notice)}
		o := outbox(t, dir, s)
		ended := make(chan error)
		go func() { ended <- o.Run(ctx) }()
		start := time.Now()
		got := ""
		for range 3 {
			got += (<-s.sent).Worker
		}
		if len(got) != 3 || !strings.Contains(got, "a") || !strings.Contains(got, "b") || !strings.Contains(got, "c") {
			t.Errorf("sent are %q", got)
		}
		if took := time.Since(start); took < firstPause || took > 10*time.Minute {
			t.Errorf("it took %s", took)
		}
		if err := o.Add(Notice{Worker: "d", At: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if n := <-s.sent; n.Worker != "d" {
			t.Errorf("then %q is sent", n.Worker)
		}
		synctest.Wait()
		if n := files(t, dir); n != 0 {
			t.Errorf("%d files are left", n)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestOutboxGivesUp drops what nobody took for days.
func TestOutboxGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := &sender{fail: 1 << 30}
		o := outbox(t, dir, s)
		if err := o.Add(Notice{Worker: "a", At: time.Now()}); err != nil {
			t.Fatal(err)
		}
		for start := time.Now(); files(t, dir) > 0; {
			<-time.After(max(o.round(t.Context()), time.Millisecond))
			if time.Since(start) > MaxAge+2*lastPause {
				t.Fatal("it tries for ever")
			}
		}
		if tries := 1<<30 - s.fail; tries < 50 || tries > 100 {
			t.Errorf("%d tries", tries)
		}
	})
}
