package doctest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/results"
	"github.com/weir-ci/weir/internal/worker/execute"
)

// code renders words as code, the way the pages do.
func code[T ~string](words []T) []string {
	out := make([]string, 0, len(words))
	for _, w := range words {
		if w != "" {
			out = append(out, "`"+string(w)+"`")
		}
	}
	return out
}

// TestLists makes sure that pages which explain a closed set explain all of it.
func TestLists(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		page string
		want []string
	}{
		{"docs/recipe.md", code(weir.Outcomes())},
		{"docs/recipe.md", code(weir.ReasonCodes())},
		{"docs/recipe.md", code(weir.ResultFormats())},
		{"docs/verdicts.md", code(weir.Verdicts())},
		{"docs/verdicts.md", code(weir.IncidentKinds())},
		{"docs/verdicts.md", code(weir.RegressionStates())},
		{"docs/recipe.md", code(upper(execute.DefaultPassEnv()))},
	} {
		text := readPage(t, tt.page).text
		for _, word := range tt.want {
			if !strings.Contains(text, word) {
				t.Errorf("%s does not explain %s", tt.page, word)
			}
		}
	}
}

func upper(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strings.ToUpper(w)
	}
	return out
}

// TestOutcomeTable holds the table of reasons against the code.
func TestOutcomeTable(t *testing.T) {
	t.Parallel()
	row := regexp.MustCompile("(?m)^\\|[^|]*\\| `([a-z_]+)` \\| (?:`([a-z_]+)`)? ?\\|$")
	found := 0
	for _, m := range row.FindAllStringSubmatch(readPage(t, "docs/recipe.md").text, -1) {
		if got := weir.ReasonCode(m[2]).Outcome(); string(got) != m[1] {
			t.Errorf("docs/recipe.md: the reason %q leads to %s, the table says %s", m[2], got, m[1])
		}
		found++
	}
	if found < 15 {
		t.Errorf("docs/recipe.md: only %d rows with an outcome and a reason", found)
	}
}

// TestMaskingTable holds the table of masking rules against the rules.
func TestMaskingTable(t *testing.T) {
	t.Parallel()
	text := readPage(t, "docs/verdicts.md").text
	for _, r := range results.Rules() {
		if row := fmt.Sprintf("| %s | `%s` | `%s` |", r.Name, r.Example, r.Masked); !strings.Contains(text, row) {
			t.Errorf("docs/verdicts.md lacks the row\n%s", row)
		}
	}
}

var (
	posted   = regexp.MustCompile(`(?ms)^post (\S+) <<'?END'?[^\n]*\n(.*?)\nEND$`)
	shellVar = regexp.MustCompile(`\$\w+|\$\([^)]*\)`)
)

// TestMessages makes sure that the messages in the documentation are messages
// of the protocol, and hold no keys that it does not know.
func TestMessages(t *testing.T) {
	t.Parallel()
	tested := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if kind, ok := strings.CutPrefix(b.info, "json "); ok {
				tested++
				checkMessage(t, b, kind, b.text)
			}
			if b.info != "sh" {
				continue
			}
			for _, m := range posted.FindAllStringSubmatch(b.text, -1) {
				tested++
				verb := m[1][strings.LastIndex(m[1], "/")+1:]
				checkMessage(t, b, strings.ToUpper(verb[:1])+verb[1:], shellVar.ReplaceAllString(m[2], "AAAA"))
			}
		}
	}
	if tested < 8 {
		t.Errorf("only %d messages", tested)
	}
}

func checkMessage(t *testing.T, b block, kind, text string) {
	t.Helper()
	message, ok := map[string]any{
		"Hello": &protocol.Hello{}, "HelloAnswer": &protocol.HelloAnswer{},
		"Lease": &protocol.Lease{}, "LeaseAnswer": &protocol.LeaseAnswer{},
		"Sync": &protocol.Sync{}, "SyncAnswer": &protocol.SyncAnswer{},
		"Finish": &protocol.Finish{}, "FinishAnswer": &protocol.FinishAnswer{},
		"Problem": &protocol.Problem{},
	}[kind]
	if !ok {
		t.Errorf("%s:%d: the protocol has no message %s", b.page, b.line, kind)
		return
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(message); err != nil {
		t.Errorf("%s:%d: not a message of type %s: %v", b.page, b.line, kind, err)
	}
}
