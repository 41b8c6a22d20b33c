package policy_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/strict"
	"github.com/weir-ci/weir/internal/worker/policy"
)

var update = flag.Bool("update", false, "write the golden files")

// TestBroken reads policies with mistakes: the messages and hints are those of the
// golden files, and nothing of such a policy is used.
func TestBroken(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(names) < 10 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := policy.Parse(filepath.Base(name), data)
		var problems strict.Problems
		if !errors.As(err, &problems) || weir.CodeOf(err) != weir.Invalid || len(p.Sentences()) > 0 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		golden := strings.TrimSuffix(name, ".yaml") + ".golden"
		if *update {
			if err := os.WriteFile(golden, []byte(problems.Format()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got := problems.Format(); got != string(want) {
			t.Errorf("%s:\n%s\ninstead of\n%s", name, got, want)
		}
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	_, err := policy.Parse("p.yaml", []byte("projects: [a]\n"+strings.Repeat("#", policy.MaxFile)))
	if weir.CodeOf(err) != weir.Invalid || err.Error() != "p.yaml:1:1: the policy is larger than 64 KiB" {
		t.Error(err)
	}
}

// FuzzParse reads anything: what can be read decides, and can be told.
func FuzzParse(f *testing.F) {
	names, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "make test")
	}
	f.Add([]byte(commands), "make -C x check")
	f.Add([]byte("{projects: [a], hours: [mon-fri 19:00-07:00, '02:30-02:31'], zone: Europe/Berlin, load: 1, disk: 20GiB}"), "")
	now := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, data []byte, run string) {
		p, err := policy.Parse("p.yaml", data)
		told := p.Sentences()
		if err != nil {
			if len(told) > 0 || weir.CodeOf(err) != weir.Invalid {
				t.Errorf("of a broken policy remains %q: %v", told, err)
			}
			return
		}
		if len(told) > weir.MaxPolicyRules {
			t.Errorf("%d sentences", len(told))
		}
		for _, s := range told {
			if len(s) > weir.MaxPolicyText {
				t.Errorf("%d bytes: %q", len(s), s)
			}
		}
		if rule, text, refused := p.Refuses(build("a", run)); refused != (rule != "") || refused != (text != "") || len(text) > weir.MaxReason {
			t.Errorf("refused is %v by %q: %q", refused, rule, text)
		} else if !refused && strings.Contains(string(data), "commands") && strings.ContainsAny(run, ";|&$`") && len(told) > 0 &&
			strings.Contains(strings.Join(told, " "), "no commands but") && !strings.ContainsAny(string(data), ";|&$`\\") {
			t.Errorf("%q is allowed by\n%s", run, data)
		}
		if rest, rests := p.Rest(now, policy.Conditions{Load: 2, Disk: 1 << 30}); rests != (rest.Rule != "") || len(rest.Text) > weir.MaxReason ||
			!rest.Until.IsZero() && !rest.Until.After(now) {
			t.Errorf("rests is %v: %+v", rests, rest)
		}
	})
}
