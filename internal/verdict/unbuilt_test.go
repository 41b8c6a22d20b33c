package verdict_test

import (
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/verdict"
)

func TestCannotBuild(t *testing.T) {
	t.Parallel()
	of := func(code weir.ReasonCode) weir.Build {
		return weir.Build{Outcome: code.Outcome(), Reason: weir.Reason{Code: code}}
	}
	incident := func(kind weir.IncidentKind, suite string) weir.ResultSet {
		return weir.ResultSet{Incidents: []weir.Incident{{Kind: kind, Suite: suite}}}
	}
	for i, c := range []struct {
		build weir.Build
		set   weir.ResultSet
		want  bool
	}{
		{of(weir.ReasonPrepare), weir.ResultSet{}, true},
		{of(weir.ReasonCheckout), weir.ResultSet{}, false},
		{of(weir.ReasonUpstreamBuild), weir.ResultSet{}, false},
		{of(weir.ReasonTests), incident(weir.DidNotBuild, "s"), true},
		{of(weir.ReasonStep), incident(weir.DidNotBuild, ""), true},
		{of(weir.ReasonTests), incident(weir.DidNotBuild, "other"), false},
		{of(weir.ReasonTests), incident(weir.Panicked, "s"), false},
		{of(weir.ReasonNone), weir.ResultSet{}, false},
	} {
		if got := verdict.CannotBuild(c.build, c.set, "s"); got != c.want {
			t.Errorf("%d: %v", i, got)
		}
	}
}
