package results

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/weir-ci/weir"
)

// Collector gathers the tests of one results file and makes a set of them
// that is normal in the sense of Normalise. It bounds what it keeps, so a
// reader can hand over whatever it finds. Not safe for concurrent use.
type Collector struct {
	limits    Limits
	results   []weir.Result // Test holds the clean name, not yet masked
	scopes    []string      // of the results
	seed      maphash.Seed
	index     map[uint64]int32 // by a hash of suite, name and scope; see find
	incidents []weir.Incident
	text      int // bytes of messages and outputs in results
	dropped   int
}

// NewCollector makes an empty collector.
func NewCollector(limits Limits) *Collector {
	return &Collector{limits: limits.filled(), seed: maphash.MakeSeed(), index: map[uint64]int32{}}
}

// find looks for the result with the same suite, name and scope, of which this
// one is another attempt. If there is none, key is where the index is to tell
// of a new one. The index holds no names, because there may be millions: what
// has the same hash by chance comes to lie behind it.
func (c *Collector) find(t weir.TestID, scope string) (at int, key uint64, found bool) {
	var h maphash.Hash
	h.SetSeed(c.seed)
	for _, s := range []string{t.Suite, t.Name, scope} {
		_, _ = h.WriteString(s)
		_ = h.WriteByte(0)
	}
	for key = h.Sum64(); ; key++ {
		i, ok := c.index[key]
		if !ok {
			return 0, key, false
		}
		if c.results[i].Test == t && c.scopes[i] == scope {
			return int(i), key, true
		}
	}
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

	if n := len(c.results); n > 0 && c.results[n-1].Test.Suite == r.Test.Suite {
		r.Test.Suite = c.results[n-1].Test.Suite // one string for all of them
	}
	at, key, again := c.find(r.Test, scope)
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
	c.index[key] = int32(len(c.results)) //nolint:gosec // at most MaxResults
	c.results = append(c.results, r)
	c.scopes = append(c.scopes, scope)
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
	c.index, c.scopes = nil, nil
	c.mask()
	order := c.sorted()
	if c.tellApart(order) {
		order = c.sorted()
	}
	arrange(c.results, order)
	return weir.ResultSet{Results: c.results, Incidents: normalIncidents(c.incidents)}
}

// mask masks the names of all results.
func (c *Collector) mask() {
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
	}
}

// sorted returns the places of the results in the order of their tests, those
// of equal names in the order in which they came.
func (c *Collector) sorted() []int32 {
	order := make([]int32, len(c.results))
	for i := range order {
		order[i] = int32(i) //nolint:gosec // at most MaxResults
	}
	slices.SortFunc(order, func(a, b int32) int {
		if d := c.results[a].Test.Compare(c.results[b].Test); d != 0 {
			return d
		}
		return cmp.Compare(a, b)
	})
	return order
}

// tellApart gives all but the first of the results with equal names names of
// their own. It tells whether there were any.
func (c *Collector) tellApart(order []int32) bool {
	var later []int32 // results whose name another one before them has
	for i := 1; i < len(order); i++ {
		if c.results[order[i-1]].Test == c.results[order[i]].Test {
			later = append(later, order[i])
		}
	}
	if len(later) == 0 {
		return false
	}
	names := make([]weir.TestID, len(order)) // as they were; nobody is to get one of those
	for i, at := range order {
		names[i] = c.results[at].Test
	}
	slices.Sort(later)             // in the order of the file
	taken := map[weir.TestID]int{} // names given out, and -> number of the last suffix given out
	for _, at := range later {
		r := &c.results[at]
		r.Test = free(r.Test, names, taken)
	}
	return true
}

// free finds the first suffix that makes id a name that no test has.
func free(id weir.TestID, names []weir.TestID, taken map[weir.TestID]int) weir.TestID {
	for n := max(2, taken[id]+1); ; n++ {
		suffix := fmt.Sprintf("#%02d", n)
		candidate := weir.TestID{Suite: id.Suite, Name: shorten(id.Name, weir.MaxTestName-len(suffix)) + suffix}
		_, used := taken[candidate]
		if !used {
			_, used = slices.BinarySearchFunc(names, candidate, weir.TestID.Compare)
		}
		if !used {
			taken[id] = n
			taken[candidate] = 0
			return candidate
		}
	}
}

// arrange brings a list into an order, which is used up.
func arrange[T any](list []T, order []int32) {
	for start := range order {
		if order[start] < 0 || int(order[start]) == start {
			continue
		}
		first, at := list[start], start
		for int(order[at]) != start {
			next := int(order[at])
			list[at] = list[next]
			order[at] = -1
			at = next
		}
		list[at] = first
		order[at] = -1
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
