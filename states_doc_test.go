package weir_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

// drawing is one section of docs/states.md: the arrows of its diagram and the
// rows of its table, as state -> the states that follow.
type drawing struct {
	arrows, rows map[string][]string
	line         int
}

var arrow = regexp.MustCompile(`^\s+(\S+) --> (\S+)$`)

// drawings reads docs/states.md by heading.
func drawings(t *testing.T) map[string]*drawing {
	t.Helper()
	const page = "docs/states.md"
	out := map[string]*drawing{}
	d := &drawing{}
	var fenced, table bool
	for i, line := range readLines(t, page) {
		heading, isHeading := strings.CutPrefix(line, "## ")
		switch m := arrow.FindStringSubmatch(line); {
		case isHeading:
			d = &drawing{arrows: map[string][]string{}, rows: map[string][]string{}, line: i + 1}
			out[heading] = d
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case fenced && m != nil:
			if slices.Contains(d.arrows[m[1]], m[2]) {
				t.Errorf("%s:%d: drawn twice", page, i+1)
			}
			d.arrows[m[1]] = append(d.arrows[m[1]], m[2])
		case fenced && strings.Contains(line, "->"):
			t.Errorf("%s:%d: write an arrow as: from --> to", page, i+1)
		case strings.HasPrefix(line, "| from | to |"):
			table = true
		case !strings.HasPrefix(line, "|"):
			table = false
		case table && !strings.HasPrefix(line, "|--"):
			cells := strings.Split(strings.Trim(line, "|"), "|")
			if len(cells) != 4 || slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) == "" }) {
				t.Errorf("%s:%d: a row says from, to, who and what it means", page, i+1)
				continue
			}
			from, to := strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1])
			d.rows[from] = append(d.rows[from], to)
		}
	}
	return out
}

// check holds a section against the states that there are and what may follow each.
func (d *drawing) check(t *testing.T, name string, states []string, next map[string][]string) {
	t.Helper()
	if d == nil {
		t.Errorf("docs/states.md: there is no section %q with a diagram", name)
		return
	}
	seen := map[string]bool{}
	for from, tos := range d.arrows {
		for _, s := range append(slices.Clone(tos), from) {
			seen[s] = true
		}
	}
	delete(seen, "[*]")
	if got, want := slices.Sorted(maps.Keys(seen)), slices.Sorted(slices.Values(states)); !slices.Equal(got, want) {
		t.Errorf("docs/states.md:%d: %s: the diagram has the states %v, the code %v", d.line, name, got, want)
	}
	for _, s := range states {
		want := slices.Sorted(slices.Values(next[s]))
		drawn := slices.DeleteFunc(slices.Sorted(slices.Values(d.arrows[s])), func(to string) bool { return to == "[*]" })
		if !slices.Equal(drawn, want) {
			t.Errorf("docs/states.md:%d: %s: from %s the diagram leads to %v, the code to %v", d.line, name, s, drawn, want)
		}
		if rows := slices.Sorted(slices.Values(d.rows[s])); !slices.Equal(rows, want) {
			t.Errorf("docs/states.md:%d: %s: from %s the table leads to %v, the code to %v", d.line, name, s, rows, want)
		}
	}
	if len(d.arrows["[*]"]) == 0 {
		t.Errorf("docs/states.md:%d: %s: the diagram has no beginning", d.line, name)
	}
}

func TestStatesAreDrawnAsTheyAre(t *testing.T) {
	t.Parallel()
	page := drawings(t)
	builds, regressions := map[string][]string{}, map[string][]string{}
	for _, s := range weir.States() {
		builds[string(s)] = texts(s.Next())
	}
	for _, s := range weir.RegressionStates() {
		regressions[string(s)] = texts(s.Next())
	}
	page["Builds"].check(t, "Builds", texts(weir.States()), builds)
	page["Regressions"].check(t, "Regressions", texts(weir.RegressionStates()), regressions)

	// An attempt is live, and then has an outcome.
	outcomes := texts(weir.Outcomes())
	page["Attempts"].check(t, "Attempts", append(outcomes, "live"), map[string][]string{"live": outcomes})

	// The code has no table of moves for these two; their states must be right.
	steps := map[string][]string{"waiting": words("running skipped"), "running": words("passed failed killed")}
	page["Steps"].check(t, "Steps", texts(weir.StepStates()), steps)

	judgements := constants(t)["Judgement"]
	judgements[slices.Index(judgements, "")] = "unjudged"
	page["Judgements"].check(t, "Judgements", judgements,
		map[string][]string{"unjudged": words("doubted settled unusable answering"), "doubted": words("settled")})
}
