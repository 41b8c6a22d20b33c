package verdict

import (
	"slices"
	"strings"

	"github.com/weir-ci/weir"
)

// explanations says, by suite, which incident explains best why its tests did
// not report. The empty suite stands for all.
type explanations map[string]weir.Incident

// explain sorts incidents by suite. Of several for one suite the first in the
// order of weir.IncidentKinds is kept. What only the farm concludes is not
// believed when somebody sends it.
func explain(incidents []weir.Incident) explanations {
	why := make(explanations, min(len(incidents), 1000))
	for _, in := range incidents {
		if in.Kind == weir.SkippedTest || in.Kind == weir.RenamedTest || in.Kind == weir.Gone || causeRank(in.Kind) < 0 {
			continue
		}
		if best, ok := why[in.Suite]; !ok || causeRank(in.Kind) < causeRank(best.Kind) {
			why[in.Suite] = in
		}
	}
	return why
}

// causeRank is the place of a kind among the causes; -1 if it is none.
func causeRank(k weir.IncidentKind) int { return slices.Index(causes, k) }

var causes = weir.IncidentKinds()

// of says why a test did not report: the first incident, in the order of
// weir.IncidentKinds, that covers its suite, a suite around it, or all.
func (why explanations) of(t weir.TestID) (weir.IncidentKind, string) {
	if len(why) == 0 {
		return weir.Gone, ""
	}
	best, found := why[""]
	consider := func(suite string) {
		if in, ok := why[suite]; ok && (!found || causeRank(in.Kind) < causeRank(best.Kind)) {
			best, found = in, true
		}
	}
	if t.Suite != "" {
		for i := range len(t.Suite) {
			if t.Suite[i] == '/' {
				consider(t.Suite[:i])
			}
		}
		consider(t.Suite)
	}
	if !found {
		return weir.Gone, ""
	}
	message, _, _ := strings.Cut(best.Message, "\n") // the incident itself has the trace
	if best.Test != "" {
		message = "in " + best.Test + ": " + message
	}
	return best.Kind, strings.TrimSuffix(message, ": ")
}
