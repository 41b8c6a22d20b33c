package tap

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/results"
)

// test is one test line with what follows it.
type test struct {
	name     string
	number   int
	chain    []string // names of the subtests around it, innermost first
	status   weir.Status
	duration time.Duration
	message  results.Head
	output   string
}

func newTest(l line) *test {
	t := &test{name: l.text, number: l.number, status: weir.Fail}
	t.message.Max = weir.MaxResultMessage
	if t.name == "" {
		t.name = fmt.Sprintf("test %d", l.number)
	}
	switch {
	case l.directive == "SKIP":
		t.status = weir.Skip
	case l.directive == "TODO" && !l.ok:
		t.status = weir.ExpectedFailure
	case l.ok:
		t.status = weir.Pass
	}
	if l.reason != "" {
		t.message.WriteString(l.reason + "\n")
	}
	return t
}

func (t *test) result(file string) weir.Result {
	return weir.Result{
		Test:     weir.TestID{Suite: suiteOf(file, t.chain), Name: t.name},
		Status:   t.status,
		Duration: t.duration,
		Message:  t.message.String(),
		Output:   t.output,
	}
}

// scope tells tests of equal name apart: by document and number.
func (t *test) scope(document int) string { return fmt.Sprintf("%d.%d", document, t.number) }

func suiteOf(file string, chain []string) string {
	parts := make([]string, 0, len(chain)+1)
	if file != "" {
		parts = append(parts, file)
	}
	for _, c := range slices.Backward(chain) {
		parts = append(parts, c)
	}
	return strings.Join(parts, " > ")
}

// explain takes what the YAML block below a test says.
func (t *test) explain(y *yamlBlock) {
	if ms, err := strconv.ParseFloat(y.value("duration_ms"), 64); err == nil && ms > 0 && !math.IsInf(ms, 0) {
		t.duration = min(time.Duration(min(ms, 1e12)*float64(time.Millisecond)), results.MaxDuration)
	}
	if t.status == weir.Pass || t.status == weir.Skip {
		return
	}
	for _, key := range []string{"message", "error"} {
		if m := y.value(key); m != "" {
			t.message.WriteString(m + "\n")
		}
	}
	if stack := y.value("stack"); stack != "" {
		t.message.WriteString("\n" + stack + "\n")
	}
	t.output = y.text()
}

// yamlBlock is the block between --- and ... below a test line. It is not
// parsed as YAML: a few keys are looked for, the whole is kept as text.
type yamlBlock struct {
	indent int
	lines  []string
	size   int
}

// add takes a line and reports whether it belongs to the block.
func (y *yamlBlock) add(s string) bool {
	text := strings.TrimLeft(s, " ")
	indent := len(s) - len(text)
	if text != "" && (indent < y.indent || indent == y.indent && text == "...") {
		return false
	}
	if y.size+len(s) <= weir.MaxResultOutput {
		y.lines = append(y.lines, s[min(indent, y.indent):])
		y.size += len(s) + 1
	}
	return true
}

func (y *yamlBlock) text() string { return strings.Join(y.lines, "\n") }

// value is the scalar of a top-level key: plain, quoted, or a block behind |
// or >. It is empty when the key is not there.
func (y *yamlBlock) value(key string) string {
	for i, l := range y.lines {
		rest, ok := strings.CutPrefix(l, key+":")
		if !ok {
			continue
		}
		rest = strings.TrimSpace(rest)
		if rest != "" && rest[0] != '|' && rest[0] != '>' {
			return unquote(rest)
		}
		var block []string
		for _, b := range y.lines[i+1:] {
			if b != "" && b[0] != ' ' {
				break
			}
			block = append(block, strings.TrimPrefix(b, "  "))
		}
		return strings.TrimSpace(strings.Join(block, "\n"))
	}
	return ""
}

func unquote(s string) string {
	if len(s) >= 2 && s[0] == '\'' && s[len(s)-1] == '\'' {
		return strings.ReplaceAll(s[1:len(s)-1], "''", "'")
	}
	if len(s) >= 2 && s[0] == '"' {
		if u, err := strconv.Unquote(s); err == nil {
			return u
		}
	}
	return s
}
