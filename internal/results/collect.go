package results

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/weir-ci/weir"
)

// Collector gathers the tests of one results file and makes a set of them
// that is normal in the sense of Normalise. It bounds what it keeps, so a
// reader can hand over whatever it finds. Not safe for concurrent use.
type Collector struct {
	limits    Limits
	results   []weir.Result // Test holds the clean name, not yet masked
	index     map[identity]int
	incidents []weir.Incident
	text      int // bytes of messages and outputs in results
	dropped   int
}

// identity is what makes two results attempts of the same test.
type identity struct{ suite, name, scope string }

// NewCollector makes an empty collector.
func NewCollector(limits Limits) *Collector {
	return &Collector{limits: limits.filled(), index: map[identity]int{}}
}

// Add adds what one test did. Results of the same suite, name and scope are
// attempts of the same test. Scope is for formats in which different tests
// may have equal names: there it holds what tells them apart, such as the
// test's number.
func (c *Collector) Add(r weir.Result, scope string) {
	if r.Test.Suite == weir.StepSuite {
		r.Test.Suite = "step" // no file speaks for the steps of a build
	}
	c.add(r, scope)
}

// Incident adds what kept tests from reporting. A kind for a suite and test
// that is there already is not added again.
func (c *Collector) Incident(i weir.Incident) {
	if len(c.incidents) < MaxIncidents {
		c.incidents = append(c.incidents, i)
	}
}

func (c *Collector) add(r weir.Result, scope string) {
	r.Test = weir.TestID{Suite: cleanName(r.Test.Suite), Name: cleanName(r.Test.Name)}
	if r.Test.Name == "" {
		r.Test.Name = "(unnamed)"
	}
	r.Duration = min(max(r.Duration, 0), MaxDuration)
	r.Message = cleanMessage(r.Message, weir.MaxResultMessage)
	limit := weir.MaxResultOutput
	if r.Status == weir.Pass && !r.Mixed {
		limit = MaxPassOutput
	}
	r.Output = cleanOutput(r.Output, limit)

	id := identity{r.Test.Suite, r.Test.Name, scope}
	at, again := c.index[id]
	if again {
		old := c.results[at]
		c.text -= len(old.Message) + len(old.Output)
		r = attempt(old, r)
	} else if len(c.results) >= c.limits.Results {
		c.dropped++
		return
	}
	if c.text+len(r.Output) > c.limits.Text {
		r.Output = ""
	}
	if c.text+len(r.Message)+len(r.Output) > c.limits.Text {
		r.Message = ""
	}
	c.text += len(r.Message) + len(r.Output)
	if again {
		c.results[at] = r
		return
	}
	c.index[id] = len(c.results)
	c.results = append(c.results, r)
}

// attempt folds a later attempt of a test into the earlier ones. The last
// one decides. Fail and error do not disagree: both are bad.
func attempt(old, last weir.Result) weir.Result {
	if kind(old.Status) != kind(last.Status) || old.Mixed {
		last.Mixed = true
	}
	switch {
	case last.Status.Good() && old.Status.Bad() || last.Status.Good() && old.Mixed:
		// Keep what it looks like when it fails.
		last.Message = cmp.Or(last.Message, old.Message)
		last.Output = cmp.Or(last.Output, old.Output)
	case old.Status == weir.Fail && last.Status == weir.Fault && old.Message != last.Message:
		// A test that fails and whose tear-down breaks too: the failure says more.
		last.Message = cleanMessage(old.Message+"\n\n"+last.Message, weir.MaxResultMessage)
		last.Output = cmp.Or(last.Output, old.Output)
	}
	return last
}

func kind(s weir.Status) int {
	switch {
	case s.Good():
		return 0
	case s.Bad():
		return 1
	}
	return 2
}

// Set returns what was collected, masked, told apart and sorted. The
// collector is used up.
func (c *Collector) Set() weir.ResultSet {
	if c.dropped > 0 {
		c.incidents = append(c.incidents, weir.Incident{Kind: weir.Truncated,
			Message: fmt.Sprintf("more than %d tests: %d results were dropped", c.limits.Results, c.dropped)})
	}
	c.mask()
	slices.SortFunc(c.results, func(a, b weir.Result) int { return a.Test.Compare(b.Test) })
	return weir.ResultSet{Results: c.results, Incidents: normalIncidents(c.incidents)}
}

// mask masks the names of all results and tells apart those that became equal.
func (c *Collector) mask() {
	c.index = nil
	taken := make(map[weir.TestID]int, len(c.results)) // -> number of the last suffix given out
	for i := range c.results {
		r := &c.results[i]
		id := weir.TestID{Suite: maskName(r.Test.Suite), Name: maskName(r.Test.Name)}
		if id != r.Test && r.Raw == "" {
			r.Raw = shorten(r.Test.Name, weir.MaxTestName)
			if id.Name == r.Test.Name {
				r.Raw = shorten(r.Test.String(), weir.MaxTestName)
			}
		}
		r.Raw = shorten(cleanName(r.Raw), weir.MaxTestName)
		r.Test = id
		taken[id] = 0
	}
	seen := make(map[weir.TestID]bool, len(c.results))
	for i := range c.results {
		r := &c.results[i]
		if !seen[r.Test] {
			seen[r.Test] = true
			continue
		}
		r.Test = free(r.Test, taken)
		seen[r.Test] = true
	}
}

// free finds the first suffix that makes id a name that no test has.
func free(id weir.TestID, taken map[weir.TestID]int) weir.TestID {
	for n := max(2, taken[id]+1); ; n++ {
		suffix := fmt.Sprintf("#%02d", n)
		candidate := weir.TestID{Suite: id.Suite, Name: shorten(id.Name, weir.MaxTestName-len(suffix)) + suffix}
		if _, used := taken[candidate]; !used {
			taken[id] = n
			taken[candidate] = 0
			return candidate
		}
	}
}

// maskName masks and shortens a clean name. The second Mask is for what the
// cut laid bare.
func maskName(s string) string {
	s = Mask(s)
	if len(s) <= weir.MaxTestName {
		return s
	}
	return Mask(shorten(s, weir.MaxTestName))
}

func normalIncidents(in []weir.Incident) []weir.Incident {
	if len(in) == 0 {
		return nil
	}
	rank := map[weir.IncidentKind]int{}
	for i, k := range weir.IncidentKinds() {
		rank[k] = i
	}
	type key struct {
		kind        weir.IncidentKind
		suite, test string
	}
	seen := map[key]bool{}
	out := make([]weir.Incident, 0, len(in))
	for _, i := range in {
		i.Suite, i.Test = maskName(cleanName(i.Suite)), maskName(cleanName(i.Test))
		i.Message = cleanMessage(i.Message, weir.MaxResultMessage)
		k := key{i.Kind, i.Suite, i.Test}
		if !seen[k] {
			seen[k] = true
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(a, b weir.Incident) int {
		return cmp.Or(cmp.Compare(a.Suite, b.Suite), rank[a.Kind]-rank[b.Kind], cmp.Compare(a.Test, b.Test))
	})
	return out
}

// Normalise brings a set into the form in which it is kept: names masked and
// told apart, attempts folded, texts cleaned and cut,
// sorted by test. A set that is normal stays as it is, and it costs little to
// see that. Normalise takes over the set's memory.
func Normalise(set weir.ResultSet) weir.ResultSet {
	if normal(set.Results) {
		set.Incidents = normalIncidents(set.Incidents[:min(len(set.Incidents), MaxIncidents)])
		return set
	}
	return fold(set)
}

// fold is Normalise for any set.
func fold(set weir.ResultSet) weir.ResultSet {
	c := NewCollector(Limits{})
	c.results = make([]weir.Result, 0, min(len(set.Results), MaxResults))
	for _, r := range set.Results {
		c.add(r, r.Raw)
	}
	for _, i := range set.Incidents {
		c.Incident(i)
	}
	return c.Set()
}
