package policy_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/policy"
)

// TestDocumentedPolicy reads the example of docs/workers.md, and tries it.
func TestDocumentedPolicy(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../../docs/workers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(data), "```yaml policy\n")
	text, _, closed := strings.Cut(rest, "```\n")
	if !found || !closed {
		t.Fatal("docs/workers.md has no block yaml policy")
	}
	p := parse(t, text)
	want := []string{
		"builds of cpython and django-* only", "no builds of django-legacy", "no untrusted revisions",
		`no commands but "make -j$WEIR_CPUS", "make *", "./configure *" and "python -m unittest *"`,
		"builds begin Monday to Friday 19:00 to 07:00 and on Saturday and Sunday (Europe/Berlin)",
		"builds begin while the load is at most 0.5 per processor", "builds begin while at least 20 GiB are free",
	}
	if got := p.Sentences(); !slices.Equal(got, want) {
		t.Errorf("it says %q", got)
	}
	stranger := build("cpython", "make test")
	stranger.Untrusted = true
	for name, c := range map[string]struct {
		spec weir.Spec
		want weir.Rule
	}{
		"all that is said of commands":   {build("cpython", "./configure --prefix=/home/you", "make -j$WEIR_CPUS", "make -C sub test", "python -m unittest x"), ""},
		"a pattern":                      {build("django-forms", "make test"), ""},
		"what is in both lists":          {build("django-legacy", "make test"), weir.RuleProjects},
		"another project":                {build("twisted", "make test"), weir.RuleProjects},
		"a stranger":                     {stranger, weir.RuleStrangers},
		"the program alone":              {build("cpython", "make"), weir.RuleCommands},
		"a second command":               {build("cpython", "make; rm -rf ~"), weir.RuleCommands},
		"a command within":               {build("cpython", "make $(x)"), weir.RuleCommands},
		"allowed lines, but no one text": {build("cpython", "make a\nmake b"), weir.RuleCommands},
	} {
		if rule, text, _ := p.Refuses(c.spec); rule != c.want {
			t.Errorf("%s: %q: %s", name, rule, text)
		}
	}
	fine := policy.Conditions{Load: 0.5, Disk: 20 << 30}
	saturday, monday := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	if rest, rests := p.Rest(saturday, fine); rests {
		t.Errorf("on Saturday it rests: %+v", rest)
	}
	if rest, rests := p.Rest(monday, fine); !rests || !rest.Until.Equal(monday.Add(6*time.Hour)) {
		t.Errorf("on Monday it rests: %v %+v", rests, rest)
	}
}
